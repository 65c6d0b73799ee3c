// The page of visitors: percentages, and which permits are offered.

import { facts, live, setText, slot } from "./map.js";
import { logins } from "./login.js";

logins(facts);
live((data) => data.occupancy.pins, fill);

function fill(element, pin) {
  const lots = pin.lots ?? [pin];
  if (element.tagName === "LI") {
    for (const lot of lots) fillLot(element, lot);
    return;
  }
  slot(element, "standard").setAttribute("visibility", lots.some((lot) => lot.standard) ? "visible" : "hidden");
  slot(element, "temporary").setAttribute("visibility", lots.some((lot) => lot.temporary) ? "visible" : "hidden");
}

function fillLot(place, lot) {
  const row = place.querySelector(`[data-lot="${CSS.escape(lot.id)}"]`);
  if (!row) return;
  setText(slot(row, "left"), leftWords(lot.availablePercent));
  slot(row, "standard").hidden = !lot.standard;
  slot(row, "temporary").hidden = !lot.temporary;
}

function leftWords(percent) {
  if (percent === null) return facts.words.noneOffered;
  return percent === 0 ? facts.words.soldOut : `${percent} % ${facts.words.left}`;
}
