// What the pages behind one-time links do alike.

import { ask } from "./graphql.js";

// The token of the link that was followed. It is taken out of the address, so that no history and no bookmark has it.
export function tokenOfAddress() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return token;
}

// What the mutation of the page answered, or the words for why it did not.
export async function answer({ graphql, document, field, busy }, variables) {
  try {
    const { data, errors } = await ask(graphql, document, variables);
    const done = data?.[field];
    const words = errors?.[0].message ?? done?.userErrors[0]?.message;
    return words || !done ? { words: words ?? busy } : { done };
  } catch {
    return { words: busy };
  }
}
