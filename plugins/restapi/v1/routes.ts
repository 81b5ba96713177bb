/** The API of our own, `/api/v1`. */
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';

export function v1Routes(app: FastifyInstance, { replica }: Context): void {
  app.get('/health', { config: { role: 'none' } }, async () => ({ status: 'ok' }));
  app.get('/ready', { config: { role: 'none' } }, async () => ({ ready: replica.isWhole }));
}
