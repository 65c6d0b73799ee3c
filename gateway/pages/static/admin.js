// The page of staff: numbers on the map, and the system tasks.

import { ask } from "./graphql.js";
import { logins } from "./login.js";
import { facts, live, setText, slot } from "./map.js";
import { tasks } from "./tasks.js";

logins(facts);
tasks(facts, onRefusal);
previews(document.getElementById("enter-preview"));
if (document.getElementById("state")) live({ occupancyOf, full, fill, onRefusal });

function occupancyOf(pin) {
  if (pin.occupancy) return pin.occupancy;
  const counts = Object.values(pin.permitCounts);
  const capacity = counts.reduce((sum, count) => sum + count.maximum, 0);
  const available = counts.reduce((sum, count) => sum + count.available, 0);
  const occupied = capacity - available;
  const percentFull = capacity ? Math.floor((100 * occupied) / capacity) : null;
  return { capacity, available, occupied, percentFull, source: "PERMITS", stale: false, observedAt: null };
}

function full({ capacity, occupied, available }) {
  const words = facts.words;
  if (occupied !== null) return capacity === null ? `${occupied} ${words.taken}` : `${occupied} ${words.of} ${capacity} ${words.taken}`;
  return available === null ? words.unknown : `${available} ${words.free}`;
}

function fill(element, pin) {
  for (const lot of [pin, ...(pin.lots ?? [])]) {
    const row = element.querySelector(`[data-lot="${CSS.escape(lot.id)}"]`);
    if (!row) continue;
    for (const kind of ["standard", "temporary"]) {
      const { taken, maximum } = lot.permitCounts[kind];
      setText(slot(row, kind), `${taken} / ${maximum}`);
    }
  }
}

// Whoever is no longer logged in gets the form, once the server agrees.
function onRefusal(codes) {
  if (!codes.includes("login_required")) return false;
  location.reload();
  return true;
}

// The link is asked for when it is wanted, since it is good for a minute; it goes nowhere but into this tab.
function previews(button) {
  button?.removeAttribute("disabled");
  button?.addEventListener("click", async () => {
    button.disabled = true;
    const { data, errors } = await ask(facts.graphql, facts.enterPreview).catch(() => ({}));
    const given = data?.enterPreview;
    if (given?.address) location.assign(given.address);
    else button.textContent = given?.userErrors[0]?.message ?? errors?.[0].message ?? "Please try again";
  });
}
