/**
 * Words of a line of a restore: ipvsadm splits at white space and knows neither quotes nor comments. The word `ipvsadm` is left out
 * wherever it stands, so that lines of a shell script can be fed in.
 */
export function splitWords(line: string): readonly string[] {
  return line.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '' && word !== 'ipvsadm');
}
