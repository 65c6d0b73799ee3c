// The map and its list: puts new counts into the page that the server made. What is where stays the server's business:
// when places come, go or move, the page is fetched once more.

import { follow } from "./graphql.js";

const SUMMARY_EVERY = 60000;
const SPREAD = 4000;

export const facts = JSON.parse(document.getElementById("facts").textContent);
const words = facts.words;
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: facts.zone });

// Shows each state of the map in the page; fill(place, pin) adds what only one of the portals shows.
export function live(pick, fill, onRefusal = () => false) {
  let shape = shapeOf(facts.pins);
  let spokenAt = Date.now();
  follow(facts.graphql, facts.occupancy, {
    onChange: showConnection,
    onRefusal,
    onState(data) {
      const pins = pick(data);
      if (shapeOf(pins) !== shape) {
        shape = shapeOf(pins);
        setTimeout(refresh, Math.random() * SPREAD);
        return;
      }
      for (const pin of pins) show(pin, fill);
      if (Date.now() - spokenAt > SUMMARY_EVERY) {
        spokenAt = Date.now();
        speak(pins);
      }
    },
  });
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function slot(element, name) {
  return element.querySelector(`[data-slot="${name}"]`);
}

export function occupancyOf(pin) {
  if (pin.occupancy) return pin.occupancy;
  const left = pin.availablePercent;
  return { percentFull: left === null ? null : 100 - left, source: "PERMITS", stale: false, observedAt: null };
}

export function fullWords(percent) {
  if (percent === null) return words.unknown;
  return percent === 100 ? words.full : `${percent} % ${words.full}`;
}

// What makes the page another one, as opposed to new counts in it.
function shapeOf(pins) {
  const lots = (pin) => (pin.lots ?? []).map((lot) => [lot.id, lot.name]);
  return JSON.stringify(pins.map((pin) => [pin.id, pin.name, pin.latitude, pin.longitude, pin.mapColor, lots(pin)]));
}

function show(pin, fill) {
  const { percentFull, source, stale, observedAt } = occupancyOf(pin);
  const seen = observedAt && time.format(new Date(observedAt));
  const counted = seen ? `${words[source]} ${words.at} ${seen}` : words[source];
  const note = stale && seen ? `${words.noNews} ${seen}` : counted;
  for (const element of document.querySelectorAll(`[data-pin="${CSS.escape(pin.id)}"]`)) {
    element.classList.toggle("stale", stale);
    slot(element, "ring")?.setAttribute("stroke-dasharray", `${percentFull ?? 0} 100`);
    slot(element, "bar")?.setAttribute("width", `${percentFull ?? 0}%`);
    setText(slot(element, "percent"), percentFull === null ? "–" : `${percentFull}%`);
    setText(slot(element, "full"), fullWords(percentFull));
    setText(slot(element, "note"), note);
    if (element.hasAttribute("aria-label")) element.setAttribute("aria-label", `${pin.name}: ${fullWords(percentFull)}. ${note}`);
    fill(element, pin);
  }
}

async function refresh() {
  const response = await fetch(location.pathname, { cache: "no-store" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const state = fresh.getElementById("state");
  if (state) document.getElementById("state").replaceWith(document.adoptNode(state));
}

function showConnection(state) {
  const stream = document.getElementById("stream");
  if (stream.dataset.state === state) return;
  stream.dataset.state = state;
  setText(slot(stream, "state"), state === "live" ? "live" : "reconnecting …");
}

// For those who listen: a sentence now and then, not every number.
function speak(pins) {
  const known = pins.map((pin) => [occupancyOf(pin).percentFull, pin.name]).filter(([percent]) => percent !== null);
  if (!known.length) return;
  known.sort(([one], [other]) => one - other);
  const [[least, emptiest], [most, fullest]] = [known[0], known[known.length - 1]];
  const text = `Most room: ${emptiest}, ${fullWords(least)}. Least room: ${fullest}, ${fullWords(most)}.`;
  setText(document.getElementById("summary"), text);
}
