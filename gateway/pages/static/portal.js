// The page of visitors: percentages, and which permits are offered.

import { logins } from "./login.js";
import { facts, live, setText, slot } from "./map.js";

const words = facts.words;

logins(facts);
live({ occupancyOf, full: ({ percentFull }) => fullWords(percentFull), fill });

function occupancyOf(pin) {
  if (pin.occupancy) return pin.occupancy;
  const left = pin.availablePercent;
  return { percentFull: left === null ? null : 100 - left, source: "PERMITS", stale: false, observedAt: null };
}

function fullWords(percent) {
  if (percent === null) return words.unknown;
  return percent === 100 ? words.full : `${percent} % ${words.full}`;
}

function leftWords(percent) {
  if (percent === null) return words.noneOffered;
  return percent === 0 ? words.soldOut : `${percent} % ${words.left}`;
}

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
