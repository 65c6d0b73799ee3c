// One mutation of a page.

import { ask } from "./graphql.js";

// What the mutation answered, or the words for why it did not.
export async function change({ graphql, busy }, document, field, variables) {
  try {
    const { data, errors } = await ask(graphql, document, variables);
    const done = data?.[field];
    const words = errors?.[0].message ?? done?.userErrors[0]?.message;
    return words || !done ? { words: words ?? busy } : { done };
  } catch {
    return { words: busy };
  }
}
