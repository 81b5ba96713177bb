import type { Event } from './event.ts';
import type { World } from './world.ts';

export function told(w: World, event: Extract<Event, { type: 'told' }>): void {
  w.answer(event.request, { revision: w.revision }, false);
}
