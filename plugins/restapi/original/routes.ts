/** The original's REST dialect: its routes, answers and colours, for clients that were written for it. */
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';

export function originalRoutes(app: FastifyInstance, { host }: Context): void {
  app.get('/sme/frozen', async () => ({ frozen: (await host.operate('engine/status', {})).frozen !== undefined }));
}
