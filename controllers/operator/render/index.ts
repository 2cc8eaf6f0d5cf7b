import type { Installation } from '../install/installation.ts';
import type { Problem } from '../install/problem.ts';
import type { Child } from './child.ts';
import { renderGateway } from './gateway.ts';
import { applyOverlays } from './overlays.ts';
import { renderPilot } from './pilot.ts';
import { renderPilotAccess } from './pilot-access.ts';
import { renderPilotConfig } from './pilot-config.ts';
import { renderWebhooks } from './webhooks.ts';

export interface Rendered {
  /** In the order in which they are applied. */
  readonly children: readonly Child[];
  readonly problems: readonly Problem[];
}

/**
 * All objects of an installation. Pure.
 * @param caBundle PEM certificates that vouch for istiod; without them the webhook configurations are left out.
 */
export function renderInstallation(installation: Installation, caBundle: string | undefined): Rendered {
  const { pilot, webhooks } = installation;
  const control: Child[] = [];
  if (pilot !== undefined || installation.injector !== undefined) control.push(...renderPilotConfig(installation));
  if (pilot !== undefined) control.push(...renderPilotAccess(installation), ...renderPilot(installation, pilot));
  if (webhooks !== undefined && caBundle !== undefined)
    control.push(...renderWebhooks(installation, webhooks, caBundle));
  const parts = [
    applyOverlays(control, pilot?.settings.overlays ?? []),
    ...installation.gateways.map((gateway) =>
      applyOverlays(renderGateway(installation, gateway), gateway.settings.overlays),
    ),
  ];
  return { children: parts.flatMap(({ children }) => children), problems: parts.flatMap(({ problems }) => problems) };
}
