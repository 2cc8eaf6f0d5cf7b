import { expect } from 'chai';
import { renderTable, summarize } from './measurement.ts';

describe('benchmark figures', () => {
  it('quote the median, whatever order the samples came in', () => {
    expect(summarize([9, 1, 5])).to.deep.equal({ minimum: 1, median: 5, maximum: 9 });
    expect(summarize([4])).to.deep.equal({ minimum: 4, median: 4, maximum: 4 });
  });

  it('are shown beside the bound they are meant to hold', () => {
    const table = renderTable([
      {
        benchmark: 'install',
        measurements: [{ figure: 'apply to READY', unit: 's', samples: [6, 7.5, 9], atMost: 15 }],
      },
    ]);
    expect(table.split('\n')[2]).to.match(/^install\s+apply to READY\s+s\s+3\s+6\.0\s+7\.5\s+9\.0\s+15\.0\s+50 %$/);
  });

  it('are shown beside those of another program', () => {
    const measurements = [
      { figure: 'all connect', unit: 's' as const, samples: [2], peer: { name: 'istiod', samples: [4, 8, 9] } },
      { figure: 'missed', unit: 'count' as const, samples: [0], atMost: 0 },
    ];
    const [head, , connect, missed] = renderTable([{ benchmark: 'scale', measurements }]).split('\n');
    expect(head).to.match(/of bound\s+istiod\s+ratio$/);
    expect(connect).to.match(/^scale\s+all connect\s+s\s+1\s+2\.0\s+2\.0\s+2\.0\s+8\.0\s+0\.250$/);
    expect(missed).to.match(/^scale\s+missed\s+count\s+1\s+0\.0\s+0\.0\s+0\.0\s+0\.0$/);
  });

  it('are followed by what is to be read beside them', () => {
    const measurements = [
      { figure: 'a secret', unit: 's' as const, samples: [9], atMost: 10, remark: 'RefNotFound' },
      { figure: 'nothing', unit: 's' as const, samples: [0] },
    ];
    const [, , secret, nothing] = renderTable([{ benchmark: 'waits', measurements }]).split('\n');
    expect(secret).to.match(/ 10\.0\s+90 % {2}RefNotFound$/);
    expect(nothing).to.match(/0\.0$/);
  });
});
