#include "runtime/shell/completion.hpp"

namespace troupe::shell {

namespace {

// bash takes words apart at '=' and ':', which we put together again; what is before the
// last of them must not be in a candidate then.
constexpr std::string_view bash = R"(# bash completion for troupe
_troupe() {
    local word prefix line directive='' i
    local -a words=()
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ $word == [=:]* ||
            (${COMP_WORDS[i - 1]} == [=:] && ${words[-1]} == *[=:]) ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    word=''
    ((${#words[@]})) && word=${words[-1]}
    prefix=${word%"${word##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :* ]]; then
            directive=$line
            continue
        fi
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$prefix"}")
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]}" 2>/dev/null)
    word=${word##*[=:]}
    case $directive in
        :files) compopt -o filenames 2>/dev/null
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word") ;;
        :directories) compopt -o filenames 2>/dev/null
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$word") ;;
    esac
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _troupe troupe
)";

constexpr std::string_view zsh = R"(#compdef troupe
# zsh completion for troupe
_troupe() {
    local line directive=''
    local -a names groups
    for line in "${(@f)$("${words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            '') ;;
            :*) directive=$line ;;
            *)
                # _describe takes ':' for the end of the word.
                local word=${line%%$'\t'*} summary=''
                [[ $line == *$'\t'* ]] && summary=${line#*$'\t'}
                if [[ $word == */ ]]; then
                    groups+=("${word//:/\\:}")
                else
                    names+=("${word//:/\\:}${summary:+:$summary}")
                fi ;;
        esac
    done
    local found=1
    if (( $#groups )); then _describe -t groups group groups -S '' && found=0; fi
    if (( $#names )); then _describe -t words word names && found=0; fi
    case $directive in
        :files) _files && found=0 ;;
        :directories) _files -/ && found=0 ;;
    esac
    return found
}
if [[ ${funcstack[1]} == _troupe ]]; then
    _troupe "$@"
else
    compdef _troupe troupe
fi
)";

constexpr std::string_view fish = R"(# fish completion for troupe
function __troupe_complete
    set -l program (commandline -opc)[1]
    set -l before (commandline -opc)[2..-1]
    set -l word (commandline -ct)
    for line in (command $program __complete $before "$word" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path $word
            case ':directories'
                __fish_complete_directories $word
            case '*'
                echo $line
        end
    end
end
complete -c troupe -f -a '(__troupe_complete)'
)";

} // namespace

std::string completion_script(std::string_view shell) {
  return std::string{shell == "zsh" ? zsh : shell == "fish" ? fish : bash};
}

} // namespace troupe::shell
