/** JSON in pieces, so that a page of any length needs little memory and no long turn of the event loop. */
export type JsonPieces = Iterable<string>;

/** An array, one item at a time. */
export function* renderArray(items: Iterable<unknown>): JsonPieces {
  let separator = '[';
  for (const item of items) {
    yield `${separator}${JSON.stringify(item)}\n`;
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}

/** An object whose last member is rendered in pieces of its own. */
export function* renderObject(head: Readonly<Record<string, unknown>>, name: string, rest: JsonPieces): JsonPieces {
  const text = JSON.stringify(head);
  yield `${text === '{}' ? '{' : `${text.slice(0, -1)},`}${JSON.stringify(name)}:`;
  yield* rest;
  yield '}';
}

/** An object with many members, one at a time. */
export function* renderMembers(members: Iterable<readonly [string, unknown]>): JsonPieces {
  let separator = '{';
  for (const [name, value] of members) {
    yield `${separator}${JSON.stringify(name)}:${JSON.stringify(value)}\n`;
    separator = ',';
  }
  yield separator === '{' ? '{}' : '}';
}
