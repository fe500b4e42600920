/* `postrider config …` as the master does it: reads the configuration, writes
 * to standard output, complains on standard error. `postrider` execs
 *
 *   libexec/master --config FILE serve
 *   libexec/master --config FILE config check [OTHER-FILE]
 *   libexec/master --config FILE config show [--all] [--json]
 *   libexec/master --config FILE config explain NAME [--json]
 *   libexec/master --config FILE config value NAME…     one value a line, bare: for programs
 *
 * argv begins behind the word `config`; file is what --config named. Returns
 * a sysexits code: 0, 64 for a wrong command, 78 for a configuration that
 * does not check. */
#ifndef MASTER_CONFIG_CLI_H
#define MASTER_CONFIG_CLI_H

int config_cli(int argc, char **argv, const char *file);

#endif
