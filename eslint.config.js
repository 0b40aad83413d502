import js from '@eslint/js';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * Who may import whom inside src/. A folder lists the folders it may use; everything else is refused.
 * The direction is the one of docs/architecture.md: values, then bytes, then subsystems, then plans, then Kubernetes.
 */
const mayImport = {
  net: ['errors.ts'],
  native: ['errors.ts', 'net'],
  netlink: ['errors.ts', 'net', 'native'],
  ipvs: ['errors.ts', 'net', 'native/records.ts', 'netlink'],
  ipset: ['errors.ts', 'net', 'native/records.ts', 'netlink'],
  link: ['errors.ts', 'net', 'native/records.ts', 'netlink'],
  conntrack: ['errors.ts', 'net', 'native/records.ts', 'netlink'],
  sysctl: ['errors.ts', 'netlink'],
  rules: ['errors.ts', 'net', 'netlink/types.ts'],
  kernel: ['errors.ts', 'net', 'native', 'netlink', 'ipvs', 'ipset', 'link', 'conntrack', 'sysctl', 'rules'],
  plan: ['errors.ts', 'net', 'netlink', 'ipvs', 'ipset', 'link', 'sysctl', 'rules', 'kernel/types.ts'],
  explain: ['errors.ts', 'net', 'ipvs', 'rules', 'plan'],
  proxy: [
    'errors.ts',
    'net',
    'ipvs',
    'ipset',
    'rules',
    'link',
    'sysctl',
    'netlink/types.ts',
    'plan',
    'explain',
    'kernel/types.ts',
  ],
  proxier: [
    'errors.ts',
    'net',
    'conntrack',
    'ipvs',
    'ipset',
    'link',
    'rules',
    'netlink/types.ts',
    'plan',
    'proxy',
    'kernel/types.ts',
  ],
  repl: ['kernel/types.ts'],
  watch: ['errors.ts', 'net', 'proxy', 'proxier'],
  cli: [
    'errors.ts',
    'net',
    'ipvs',
    'ipset',
    'link',
    'sysctl',
    'rules',
    'kernel',
    'plan',
    'proxy',
    'proxier',
    'repl',
    'proxy.ts',
    'watch',
    'index.ts',
    'testing.ts',
  ],
};
/** Optional packages, and the one file of each that loads it, when it is needed. */
const optionalPackages = {
  '@kubernetes/client-node': 'src/watch/cluster/client.ts',
  'prom-client': 'src/cli/proxy/metrics.ts',
};
const withoutPackages = (files, names) => ({
  files,
  rules: {
    'no-restricted-syntax': [
      'error',
      ...names.map((name) => ({
        selector: `:matches(ImportDeclaration, ImportExpression)[source.value="${name}"]`,
        message: `It is optional: only ${optionalPackages[name]} loads it, when it is needed.`,
      })),
    ],
  },
});
const folders = Object.keys(mayImport);

const zones = folders.map((folder) => ({
  target: `./src/${folder}`,
  from: './src',
  except: [`./${folder}`, ...mayImport[folder].map((name) => `./${name}`)],
  message: `src/${folder} may import only: ${mayImport[folder].join(', ')} (docs/architecture.md).`,
}));

export default tseslint.config(
  { ignores: ['node_modules', 'build', 'dist', 'prebuilds', 'coverage', '.cache'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', '*.mjs', 'scripts/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-default-export': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      eqeqeq: 'error',
    },
  },
  withoutPackages(['src/**'], Object.keys(optionalPackages)),
  ...Object.entries(optionalPackages).map(([own, file]) =>
    withoutPackages(
      [file],
      Object.keys(optionalPackages).filter((name) => name !== own),
    ),
  ),
  { files: ['*.config.ts', '*.config.js'], rules: { 'import-x/no-default-export': 'off' } },
  {
    files: ['test/**', 'bench/**', 'examples/**', 'scripts/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: { Buffer: 'readonly', process: 'readonly', console: 'readonly', URL: 'readonly' },
    },
  },
);
