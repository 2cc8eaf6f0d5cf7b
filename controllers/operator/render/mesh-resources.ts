/** Istio's resources by API group: what istiod watches, whose status it writes, and what its validation webhook checks. */
export const meshResources: Readonly<Record<string, readonly string[]>> = {
  'networking.istio.io': [
    'destinationrules',
    'envoyfilters',
    'gateways',
    'proxyconfigs',
    'serviceentries',
    'sidecars',
    'virtualservices',
    'workloadentries',
    'workloadgroups',
  ],
  'security.istio.io': ['authorizationpolicies', 'peerauthentications', 'requestauthentications'],
  'telemetry.istio.io': ['telemetries'],
  'extensions.istio.io': ['wasmplugins'],
};
