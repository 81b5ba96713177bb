/** What happened to all nodes. */
import { NodeHistory } from '../node/history.tsx';

export function News() {
  return (
    <section class="news" aria-label="History of all nodes">
      <h2>History</h2>
      <NodeHistory />
    </section>
  );
}
