/** A person at a terminal. Absent where a program runs the command line. */
export interface Terminal {
  /** True for yes. */
  ask(question: string): Promise<boolean>;
  /** Replaces the line that stands for what is under way; empty: takes it away. */
  progress(line: string): void;
}

const WIDTH = 30;

/** `[#######-----]  58 %  1,160 of 2,000  …` */
export function progressLine(done: number, total: number, what: string): string {
  const share = total <= 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * WIDTH);
  const bar = '#'.repeat(full) + '-'.repeat(WIDTH - full);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${bar}] ${percent} %  ${done.toLocaleString('en')} of ${total.toLocaleString('en')}  ${what}`;
}
