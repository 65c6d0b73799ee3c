// What the pages behind one-time links do alike.

import { change } from "./changes.js";

// The token of the link that was followed. It is taken out of the address, so that no history and no bookmark has it.
export function tokenOfAddress() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return token;
}

// Sends the page's one mutation.
export function answer(facts, variables) {
  return change(facts, facts.document, facts.field, variables);
}
