/** What became of the events so far. */
export interface EventStreamState {
  /** Events that wait in memory with their detail. */
  readonly buffered: number;
  /** Events that lost their detail so far: they leave as counts. */
  readonly trimmed: number;
  /** Events that Kafka refused for good. */
  readonly dropped: number;
  readonly published: number;
}
