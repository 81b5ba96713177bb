import { pino } from 'pino';

export type HostLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: { readonly node?: string; readonly service?: string },
) => void;

/** The daemon's log: one JSON object a line on stderr. */
export function createHostLog(): HostLog {
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ dest: 2, sync: true }),
  );
  return (level, message, fields) => logger[level](fields ?? {}, message);
}
