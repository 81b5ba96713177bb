/** What can be done to nodes from here, and in which words. Pure. */

export type Action =
  | { readonly kind: 'freeze' }
  | { readonly kind: 'power'; readonly to: 'on' | 'off' }
  | { readonly kind: 'reboot' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'release' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'set' };

interface Words {
  readonly title: string;
  /** On the button that does it. */
  readonly verb: string;
  readonly text: string;
  readonly why: 'needed' | 'wanted' | 'none';
  /** The plan is shown before it can be done. */
  readonly isPlanned: boolean;
}

export function wordsOf(action: Action): Words {
  switch (action.kind) {
    case 'freeze':
      return {
        title: 'Freeze the engine',
        verb: 'Freeze',
        text: 'No step is started until it is thawed. What runs, runs on.',
        why: 'needed',
        isPlanned: false,
      };
    case 'power':
      return action.to === 'on'
        ? { title: 'Power on', verb: 'Power on', text: 'cfg physState becomes POWER_ON.', why: 'wanted', isPlanned: true }
        : {
            title: 'Power off',
            verb: 'Power off',
            text: 'cfg physState becomes POWER_OFF: what runs there is ended first.',
            why: 'wanted',
            isPlanned: true,
          };
    case 'reboot':
      return { title: 'Reboot', verb: 'Reboot', text: 'Each once; then back to where it should be.', why: 'wanted', isPlanned: true };
    case 'hold':
      return {
        title: 'Hold',
        verb: 'Hold',
        text: 'The engine leaves them alone until they are released.',
        why: 'needed',
        isPlanned: false,
      };
    case 'release':
      return { title: 'Release', verb: 'Release', text: 'The engine takes care of them again.', why: 'none', isPlanned: true };
    case 'retry':
      return {
        title: 'Retry',
        verb: 'Retry',
        text: 'What the engine has concluded from failures is forgotten, and it tries again.',
        why: 'none',
        isPlanned: true,
      };
    case 'set':
      return { title: 'Set values', verb: 'Set', text: 'What these nodes should be.', why: 'wanted', isPlanned: true };
    default:
      return action satisfies never;
  }
}
