import type { BootstrapOptions, Json } from './options.ts';

/**
 * Part of a statistic's name that becomes a label: the first group is cut out, the second is the value.
 * Names that we spell end in `;`, so that dots within them do not matter.
 */
const tags: readonly Json[] = [
  { tagName: 'cluster_name', regex: '^cluster\\.((.+?);\\.)' },
  { tagName: 'tcp_prefix', regex: '^tcp\\.((.+?);\\.)' },
  { tagName: 'http_conn_manager_prefix', regex: '^http\\.((.+?);\\.)' },
  { tagName: 'listener_address', regex: '^listener\\.(([0-9._]+|[0-9a-fA-F_\\[\\]]+)\\.)' },
  { tagName: 'response_code', regex: '_rq(_([0-9]{3}))$' },
  { tagName: 'response_code_class', regex: '_rq(_([0-9]xx))$' },
];

/** What a proxy keeps of Envoy's own statistics; everything else would cost memory in every pod. */
const keptPrefixes = [
  'istio.',
  'cluster_manager',
  'listener_manager',
  'server',
  'cluster.xds-grpc;',
  'overload',
] as const;
const keptSuffixes = [
  'rbac.allowed',
  'rbac.denied',
  'shadow_allowed',
  'shadow_denied',
  'downstream_cx_active',
] as const;
const keptRegexps = ['(vhost|component|reporter)\\..*'] as const;

/** `stats_config` of the bootstrap: labels, and which statistics exist at all. */
export function buildStatsConfig(inclusion: BootstrapOptions['statsInclusion'] = {}): Json {
  const patterns: Json[] = [
    ...[...keptPrefixes, ...(inclusion.prefixes ?? [])].map((prefix) => ({ prefix })),
    ...[...keptSuffixes, ...(inclusion.suffixes ?? [])].map((suffix) => ({ suffix })),
    ...[...keptRegexps, ...(inclusion.regexps ?? [])].map((regex) => ({ safeRegex: { regex } })),
  ];
  return { statsTags: tags, useAllDefaultTags: false, statsMatcher: { inclusionList: { patterns } } };
}
