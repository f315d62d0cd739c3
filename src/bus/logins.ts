/** Which user each session is of: its login is heard when it begins, or asked for. */

import { WireError } from '../wire/errors.js';
import type { SessionId, UserName } from '../wire/ids.js';
import type { Login, Sender, SessionStatus } from '../wire/messages.js';
import { topics } from '../wire/topics.js';
import { checkLogin } from './login.js';
import type { Peer } from './peer.js';

/** So many sessions are remembered; of one that is forgotten the login is asked for again. */
const most = 10_000;
/** Milliseconds a session has to say whose it is. */
const patience = 5000;

export class Logins {
  private readonly known = new Map<SessionId, { readonly login: Login; readonly from: Sender }>();
  private readonly asked = new Map<SessionId, Promise<UserName>>();

  constructor(
    private readonly peer: Peer,
    /** Registered public key of a user. */
    private readonly publicKeyOf: (user: UserName) => string | undefined,
  ) {}

  /** A session's presence. A login that is not good is as none. */
  hear(status: SessionStatus, from: Sender): void {
    if (status.state === 'offline') this.known.delete(status.session);
    else if (status.login !== undefined) {
      try {
        this.take(status.login, from);
      } catch {
        // Asked for when it is needed; that answer is told to whoever needs it.
      }
    }
  }

  private take(login: Login, from: Sender): UserName {
    checkLogin(this.peer.cluster, login, from, this.publicKeyOf);
    this.known.set(login.session, { login, from });
    if (this.known.size > most) for (const oldest of this.known.keys()) return this.drop(oldest, login.user);
    return login.user;
  }

  private drop(session: SessionId, user: UserName): UserName {
    this.known.delete(session);
    return user;
  }

  /**
   * The session's user; a promise where it must be asked. What was good is checked again each time: users can be revoked.
   * @throws WireError EACCES when it has none
   */
  userOf(session: SessionId): UserName | Promise<UserName> {
    const known = this.known.get(session);
    if (known !== undefined) {
      const { user, expires } = known.login;
      if (expires > Date.now() && this.publicKeyOf(user) !== undefined) return user;
      this.known.delete(session);
    }
    const before = this.asked.get(session);
    if (before !== undefined) return before;
    const asking = this.ask(session).finally(() => this.asked.delete(session));
    this.asked.set(session, asking);
    return asking;
  }

  private async ask(session: SessionId): Promise<UserName> {
    const inbox = topics.sessionInbox(this.peer.cluster, session);
    const { body, from } = await this.peer.ask(inbox, { type: 'login.get' }, { timeoutMs: patience }).catch((cause) => {
      throw new WireError('EACCES', 'the session does not say whose it is', { cause });
    });
    if (body.type !== 'login') throw new WireError('EACCES', 'the session does not say whose it is');
    return this.take(body.login, from);
  }
}
