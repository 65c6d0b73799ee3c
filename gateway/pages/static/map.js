// The map and its list: puts new counts into the page that the server made. What is where stays the server's business:
// when places come, go or move, the page is fetched once more.

import { follow } from "./graphql.js";

const SUMMARY_EVERY = 60000;
const SPREAD = 4000;

export const facts = JSON.parse(document.getElementById("facts").textContent);
const words = facts.words;
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: facts.zone });

// Follows the map. The view knows what only one of the portals shows: occupancyOf(pin), the words full(occupancy),
// fill(element, pin), and onRefusal(codes).
export function live(view) {
  let shape = shapeOf(facts.pins);
  let spokenAt = Date.now();
  follow(facts.graphql, facts.occupancy, {
    onChange: showConnection,
    onRefusal: view.onRefusal,
    onState({ occupancy: { pins } }) {
      if (shapeOf(pins) !== shape) {
        shape = shapeOf(pins);
        setTimeout(async () => (await refresh()) || (shape = ""), Math.random() * SPREAD);
        return;
      }
      for (const pin of pins) show(pin, view);
      if (Date.now() - spokenAt < SUMMARY_EVERY) return;
      spokenAt = Date.now();
      speak(pins, view);
    },
  });
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function slot(element, name) {
  return element.querySelector(`[data-slot="${name}"]`);
}

// What makes the page another one, as opposed to new counts in it.
function shapeOf(pins) {
  const lots = (pin) => (pin.lots ?? []).map((lot) => [lot.id, lot.name]);
  return JSON.stringify(pins.map((pin) => [pin.id, pin.name, pin.latitude, pin.longitude, pin.mapColor, lots(pin)]));
}

function show(pin, view) {
  const occupancy = view.occupancyOf(pin);
  const { percentFull, stale } = occupancy;
  const [full, note] = [view.full(occupancy), noteOf(occupancy)];
  for (const element of document.querySelectorAll(`[data-pin="${CSS.escape(pin.id)}"]`)) {
    element.classList.toggle("stale", stale);
    slot(element, "ring")?.setAttribute("stroke-dasharray", `${percentFull ?? 0} 100`);
    slot(element, "bar")?.setAttribute("width", `${percentFull ?? 0}%`);
    setText(slot(element, "percent"), ringText(percentFull));
    setText(slot(element, "full"), full);
    setText(slot(element, "note"), note);
    if (element.hasAttribute("aria-label")) element.setAttribute("aria-label", `${pin.name}: ${full}. ${note}`);
    view.fill(element, pin);
  }
}

function ringText(percent) {
  if (percent === null) return "–";
  return percent === 100 ? words.full : `${percent}%`;
}

function noteOf({ source, stale, observedAt }) {
  if (!observedAt) return words[source];
  const seen = time.format(new Date(observedAt));
  return stale ? `${words.noNews} ${seen}` : `${words[source]} ${words.at} ${seen}`;
}

// Returns whether it worked; if not, the next state asks for it again.
async function refresh() {
  try {
    const response = await fetch(location.pathname, { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("state");
    if (!response.ok || !fresh) return false;
    document.getElementById("state").replaceWith(document.adoptNode(fresh));
    return true;
  } catch {
    return false;
  }
}

function showConnection(state) {
  const stream = document.getElementById("stream");
  if (stream.dataset.state === state) return;
  stream.dataset.state = state;
  setText(slot(stream, "state"), state === "live" ? "live" : "reconnecting …");
}

// For those who listen: a sentence now and then, not every number.
function speak(pins, view) {
  const known = pins.map((pin) => [view.occupancyOf(pin), pin.name]).filter(([{ percentFull }]) => percentFull !== null);
  if (!known.length) return;
  known.sort(([one], [other]) => one.percentFull - other.percentFull);
  const [[least, emptiest], [most, fullest]] = [known[0], known[known.length - 1]];
  const text = `Most room: ${emptiest}, ${view.full(least)}. Least room: ${fullest}, ${view.full(most)}.`;
  setText(document.getElementById("summary"), text);
}
