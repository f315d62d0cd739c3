/** Logins: a user's word that a session is theirs, signed with the user's own key, for a time. */
import { WireError } from '../wire/errors.js';
import type { ClusterId, RuntimeName, SessionId, UserName } from '../wire/ids.js';
import type { Login, Sender } from '../wire/messages.js';
import { type Keys, sign, verify } from './identity.js';

/** Milliseconds that a login is good for; a session that stays longer renews it. */
export const loginMs = 12 * 3600 * 1000;

/** What is signed. The cluster is in it: a login at one says nothing at another. */
const loginText = (cluster: ClusterId, { user, session, home, expires }: Omit<Login, 'signature'>): string =>
  JSON.stringify(['onesh login', cluster, user, session, home, expires]);

export function makeLogin(
  cluster: ClusterId,
  who: { readonly user: UserName; readonly keys: Keys; readonly session: SessionId; readonly home: RuntimeName },
): Login {
  const { user, session, home, keys } = who;
  const login = { user, session, home, expires: Date.now() + loginMs };
  return { ...login, signature: sign(loginText(cluster, login), keys) };
}

/**
 * Checks a login that `from` shows. `publicKeyOf`: the registered keys of users.
 * @throws WireError EACCES why it is not good
 */
export function checkLogin(
  cluster: ClusterId,
  login: Login,
  from: Sender,
  publicKeyOf: (user: UserName) => string | undefined,
): void {
  const key = publicKeyOf(login.user);
  if (key === undefined) throw new WireError('EACCES', `${login.user}: no such user in this cluster`);
  if (
    login.session !== from.session ||
    login.home !== from.runtime ||
    !verify(loginText(cluster, login), login.signature, key)
  )
    throw new WireError('EACCES', `the login of ${login.user} is not good`);
  if (login.expires <= Date.now()) throw new WireError('EACCES', `the login of ${login.user} has expired`);
}
