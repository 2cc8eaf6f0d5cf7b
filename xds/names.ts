/** Names that one client makes us remember, and what they take. */

/** What a name takes beside its characters: its place in a table, and what is noted of it. */
export const ENTRY_BYTES = 64;

/** What a name takes, about: characters that are not Latin take twice that. */
export const nameBytes = (name: string): number => ENTRY_BYTES + name.length;

/** A set that knows how many bytes it takes. */
export class NameSet extends Set<string> {
  bytes = 0;

  override add(name: string): this {
    const before = this.size;
    super.add(name);
    if (this.size > before) this.bytes += nameBytes(name);
    return this;
  }

  override delete(name: string): boolean {
    if (!super.delete(name)) return false;
    this.bytes -= nameBytes(name);
    return true;
  }

  override clear(): void {
    super.clear();
    this.bytes = 0;
  }
}

/** The same, with something noted of each. What is noted counts as nothing. */
export class NameMap<Note> extends Map<string, Note> {
  bytes = 0;

  override set(name: string, note: Note): this {
    const before = this.size;
    super.set(name, note);
    if (this.size > before) this.bytes += nameBytes(name);
    return this;
  }

  override delete(name: string): boolean {
    if (!super.delete(name)) return false;
    this.bytes -= nameBytes(name);
    return true;
  }

  override clear(): void {
    super.clear();
    this.bytes = 0;
  }
}
