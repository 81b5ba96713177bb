/** Who is asked for a token: everybody who does not come over loopback. */
import { useState } from 'preact/hooks';
import { api, type Refusal, refusalOf } from '../api/client.ts';
import { start } from './desk.ts';

export function Login() {
  const [token, setToken] = useState('');
  const [refusal, setRefusal] = useState<Refusal>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await api.login(token.trim());
      setToken('');
      await start();
    } catch (error) {
      setRefusal(refusalOf(error));
    }
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <span class="logo" aria-hidden="true" />
          Kraken
        </h1>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          required
          value={token}
          aria-describedby="token-says"
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <p id="token-says" class={refusal ? 'refusal' : 'faint'} role={refusal ? 'alert' : undefined}>
          {refusal
            ? `${refusal.message}: ${refusal.why}. ${refusal.todo}`
            : 'An administrator makes one: kraken token create --user NAME --role ROLE'}
        </p>
        <button type="submit" class="is-first">
          Log in
        </button>
      </form>
    </main>
  );
}
