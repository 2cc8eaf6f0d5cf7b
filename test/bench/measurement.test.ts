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
});
