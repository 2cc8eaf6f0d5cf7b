/** Which of a view's own virtual hosts contest a name or a domain with others. Kept from one state to the next, like the claims. */
import { type Claims, differingClaims, type HostClaim, StackedClaims } from './claims.ts';

export class Collisions {
  readonly #own: StackedClaims;
  readonly #shared: StackedClaims;
  #known: Set<string> | undefined;

  constructor(own: Claims, shared: StackedClaims) {
    this.#own = new StackedClaims([own]);
    this.#shared = shared;
  }

  /** Whether two virtual hosts claim one domain, unless the view's own merely takes the place of everybody's. */
  get any(): boolean {
    return this.#find().size > 0;
  }

  /** Takes over what is known of the state that this replaces. */
  inherit(previous: Collisions): void {
    const known = previous.#known;
    if (known === undefined) return;
    previous.#known = undefined;
    const own = differingClaims(previous.#own, this.#own);
    this.#own.inherit(previous.#own);
    for (const { key } of own.gone) known.delete(key);
    const shared = differingClaims(previous.#shared, this.#shared);
    const concerned = new Set<HostClaim>(own.come);
    for (const host of [...own.gone, ...own.come, ...shared.gone, ...shared.come]) this.#gather(host, concerned);
    for (const host of concerned) this.#note(host, known);
    this.#known = known;
  }

  #find(): ReadonlySet<string> {
    if (this.#known === undefined) {
      this.#known = new Set();
      for (const hosts of this.#own.layers) for (const host of hosts) this.#note(host, this.#known);
    }
    return this.#known;
  }

  /** The view's own that may be decided otherwise because of a virtual host that has come or gone. */
  #gather({ name, domains }: HostClaim, concerned: Set<HostClaim>): void {
    const add = (host: HostClaim) => void concerned.add(host);
    this.#own.named(name).forEach(add);
    for (const domain of domains) {
      this.#own.claiming(domain).forEach(add);
      // Others that claim it may be contested now, or no longer.
      for (const rival of this.#shared.claiming(domain)) this.#own.named(rival.name).forEach(add);
    }
  }

  #note(host: HostClaim, known: Set<string>): void {
    if (this.#collides(host)) known.add(host.key);
    else known.delete(host.key);
  }

  #collides(host: HostClaim): boolean {
    if (this.#own.named(host.name).length > 1 || this.#own.isContested(host)) return true;
    const replaced = this.#shared.named(host.name);
    if (replaced.some((other) => other.service !== host.service || this.#shared.isContested(other))) return true;
    return host.domains.some((domain) => this.#shared.claiming(domain).some(({ name }) => name !== host.name));
  }
}
