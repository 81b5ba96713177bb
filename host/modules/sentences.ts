import type { Life } from './restart.ts';

export interface Said {
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}

/** What a person is told of a change in a module's life: why, and what happens next or is to be done. Undefined = nothing. */
export function sentenceOf(service: string, { phase, why = '', since, retryAt = since }: Life): Said | undefined {
  switch (phase) {
    case 'crashed': {
      const then = retryAt === since ? 'at once' : `in ${((retryAt - since) / 1000).toFixed(1)} s`;
      return { level: 'warn', text: `crashed: ${why}; it starts again ${then}` };
    }
    case 'failed': {
      const todo = `Look at \`kraken service logs ${service}\`, then \`kraken service start ${service}\``;
      return { level: 'error', text: `failed: ${why}. ${todo}` };
    }
    case 'rejected':
      return { level: 'error', text: `is rejected: ${why.replace(`service ${service}: `, '')}` };
    case 'unresponsive':
      return { level: 'warn', text: `is killed: ${why}` };
    case 'stopped':
      return { level: 'info', text: `stopped: ${why}` };
    case 'starting':
    case 'declared':
    case 'ready':
    case 'stopping':
      return undefined;
    default:
      return phase satisfies never;
  }
}
