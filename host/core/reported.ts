import type { Event } from './event.ts';
import type { World } from './world.ts';

export function reportedBy(w: World, event: Extract<Event, { type: 'reported' }>): void {
  w.answer(event.request, { revision: w.revision }, false);
}
