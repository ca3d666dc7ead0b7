package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// plainBash puts the words of a line together where the package bash-completion, which the generated script counts on, is not
// installed: minimal systems and containers do not have it, and every Tab would print an error. Bash splits words at = and :
// although nobody typed a blank there.
const plainBash = `
if ! declare -F _init_completion >/dev/null 2>&1 && ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    __maestro_init_completion()
    {
        local i word left=${COMP_LINE:0:COMP_POINT} trimmed
        COMPREPLY=()
        words=()
        for ((i = 0; i <= COMP_CWORD; i++)); do
            trimmed=${left#"${left%%[![:blank:]]*}"}
            word=${COMP_WORDS[i]}
            [[ $i -lt $COMP_CWORD ]] || word=$trimmed
            if [[ $i -eq 0 || $left == [[:blank:]]* ]]; then
                words+=("$word")
            else
                words[${#words[@]}-1]+=$word
            fi
            left=${trimmed#"$word"}
        done
        cword=$((${#words[@]} - 1))
        cur=${words[cword]}
        prev=
        [[ $cword -eq 0 ]] || prev=${words[cword-1]}
    }
fi
`

// completeInPlainBash adds that to the script for bash.
func completeInPlainBash(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	bash, _, err := root.Find([]string{"completion", "bash"})
	if err != nil || bash.RunE == nil {
		cobra.CheckErr(fmt.Errorf("find the completion for bash: %w", err))
	}
	const needs = "This script depends on the 'bash-completion' package.\nIf it is not installed already, you can install it via your OS's package manager.\n\n"
	bash.Long = strings.Replace(bash.Long, needs, "", 1)
	script := bash.RunE
	bash.RunE = func(cmd *cobra.Command, args []string) error {
		if err := script(cmd, args); err != nil {
			return err
		}
		_, err := fmt.Fprint(cmd.OutOrStdout(), plainBash)
		return err
	}
}
