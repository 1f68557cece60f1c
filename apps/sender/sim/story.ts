import type { Timeline } from './timeline.js';

/** What happened, line by line. Kept whole only where somebody wants to read it; its hash tells two runs apart always. */
export class Story {
  readonly #timeline: Timeline;
  readonly #keep: boolean;
  readonly lines: string[] = [];
  #hash = 0x811c9dc5;

  constructor(timeline: Timeline, keep: boolean) {
    this.#timeline = timeline;
    this.#keep = keep;
  }

  get digest(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  tell(who: string, what: string): void {
    const line = `${this.#timeline.now.toFixed(1).padStart(9)} ${who.padEnd(10)} ${what}`;
    for (let at = 0; at < line.length; at += 1)
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(at), 0x01000193);
    if (this.#keep) this.lines.push(line);
  }
}
