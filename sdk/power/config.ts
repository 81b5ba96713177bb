/** Config keys that every power module has. */
export const COMMON = {
  atOnce: { type: 'integer', minimum: 1, maximum: 4096, default: 256, description: 'Devices spoken to at once.' },
  answerMs: { type: 'integer', minimum: 100, maximum: 20_000, default: 5000, description: 'Milliseconds until silence is no answer.' },
  pollEvery: {
    type: 'string',
    pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$',
    default: '5s',
    description: 'How often the power of every node is read.',
  },
} as const;
