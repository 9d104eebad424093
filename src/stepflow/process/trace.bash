# Read by bash at the start of a script (BASH_ENV) that is traced: every command is told to who
# watches by the marks that shells send to terminals, OSC 633;E, 133;C and 133;D.
#
# They go to where the script's output went when it started, whatever is redirected since. A bash
# that this one starts is not traced: it is one command. A script's own DEBUG trap replaces ours.

if [[ -n ${_STEPFLOW_BASH_ENV-} ]]; then
    export BASH_ENV=$_STEPFLOW_BASH_ENV
    unset _STEPFLOW_BASH_ENV
    [[ ! -r $BASH_ENV ]] || source "$BASH_ENV"
else
    unset BASH_ENV
fi

# More steps than this tell nobody anything, and cost the script its time.
__stepflow_left=5000
__stepflow_pid=$BASHPID
# How deep in functions each command is that has begun and not ended, and since when.
__stepflow_depths=()
__stepflow_since=()
__stepflow_command=
__stepflow_job=
__stepflow_parts=0
__stepflow_width=0
__stepflow_argument=
__stepflow_mark=$'\e'
# What was seen last, and where; whether it was in a trap, where bash tells no other command.
__stepflow_seen=
__stepflow_line=0
__stepflow_depth=0
__stepflow_trap=0
# The lines that hold a pipeline, by FILE:LINE, and the files that have been read for them.
declare -A __stepflow_pipelines=()

# $?, $_, the depth, the next command, its file and line, the exit codes of the last pipeline.
__stepflow_trace() {
    local status=$1 depth=${3:-0} command=$4 now=${EPOCHREALTIME-} marks= top code
    local codes=("${@:7}")
    now=${now/[.,]/}
    [[ $2 == "$__stepflow_mark" ]] || __stepflow_argument=$2
    # Only who asks for it gets $_ back: else it shows whether something has been run.
    __stepflow_last=$__stepflow_mark
    [[ $command != *'$_'* && $command != *'${_'* ]] || __stepflow_last=$__stepflow_argument
    if [[ $__stepflow_pid != "$BASHPID" ]]; then
        __stepflow_enter_subshell || return 0
    fi
    # Functions would inherit the script's own traps as they do ours.
    [[ $command != 'trap '*@(DEBUG|RETURN)* ]] || set +o functrace
    top=${#__stepflow_depths[@]}
    if __stepflow_is_trap "$command" "$6" "$depth"; then
        ((__stepflow_trap++ == 0)) || return 0
    elif ((top)) && [[ -n $__stepflow_command ]]; then
        # A function's first command comes with the words of its call once more.
        if ((depth > __stepflow_depths[top - 1])); then
            [[ $command != "$__stepflow_command" ]] || return 0
        # Nothing has been run here if $_ is still ours, unless it was a whole pipeline or a job:
        # this is the next part of a pipeline.
        elif [[ $2 == "$__stepflow_mark" && ${!-} == "$__stepflow_job" && ${#codes[@]} == "$__stepflow_width" ]] &&
            ((__stepflow_parts < 2 || ${#codes[@]} != __stepflow_parts)); then
            __stepflow_parts=$((__stepflow_parts + 1))
            return 0
        fi
    fi
    # $? is that of a whole `if` or loop once its condition has failed; only it knows of jobs and
    # of an `exit`.
    if [[ ${!-} == "$__stepflow_job" && $__stepflow_command != exit && $__stepflow_command != "exit "* ]]; then
        status=${codes[-1]}
        if shopt -qo pipefail; then
            for code in "${codes[@]}"; do
                ((!code)) || status=$code
            done
        fi
    fi
    while ((top && depth <= __stepflow_depths[top - 1])); do
        top=$((top - 1))
        # A subshell ended what it found open, and left open what it ran last: so the number of
        # those that are still open is said as well.
        marks+=$'\e]133;D;'"$status;open=$top"
        [[ -z $now ]] || marks+=";ms=$(((now - __stepflow_since[top]) / 1000))"
        marks+=$'\a'
        unset "__stepflow_depths[top]" "__stepflow_since[top]"
    done
    __stepflow_command=
    __stepflow_job=${!-}
    __stepflow_parts=1
    __stepflow_width=${#codes[@]}
    if ((__stepflow_trap)) || ! __stepflow_is_idle "$command"; then
        __stepflow_left=$((__stepflow_left - 1))
        if ((__stepflow_left < 0)); then
            trap - DEBUG
        else
            __stepflow_command=$command
            __stepflow_depths[top]=$depth
            __stepflow_since[top]=${now:-0}
            if ((__stepflow_trap)); then
                command=trap
            else
                __stepflow_name_pipeline "$5" "$6"
            fi
            command=${command%%$'\n'*}
            command=${command:0:1000}
            command=${command//\\/\\\\}
            command=${command//;/\\x3b}
            marks+=$'\e]633;E;'${command//[[:cntrl:]]/ }$'\a\e]133;C\a'
            # A subshell's `exit` does not come back to tell how it ended.
            code=${command#exit }
            if [[ $command == 'exit '* && $code != *[^0-9]* ]]; then
                marks+=$'\e]133;D;'"$code;open=$top;ms=0"$'\a'
                unset "__stepflow_depths[top]" "__stepflow_since[top]"
            fi
        fi
    fi
    # By name: a descriptor that is kept open would be kept by all that the script starts, and
    # what is gone must not come back as a file.
    if [[ -n $marks && ( -p $__stepflow_out || -c $__stepflow_out ) ]]; then
        builtin printf %s "$marks" 1<>"$__stepflow_out"
    fi
    return 0
}

# In a trap bash goes on to tell the command that it came upon, and counts the trap's own lines.
__stepflow_is_trap() {
    if [[ $1 != "$__stepflow_seen" ]] || ((!__stepflow_trap && $3 > __stepflow_depth)); then
        __stepflow_trap=0
        __stepflow_seen=$1
        __stepflow_line=$2
        __stepflow_depth=$3
        return 1
    fi
    ((__stepflow_trap)) || [[ $1 == exit || $1 == "exit "* ]] || (($2 == 1 && __stepflow_line > 1)) || {
        __stepflow_line=$2
        __stepflow_depth=$3
        return 1
    }
}

# Bash tells a pipeline by its parts; the line where it stands shows all of it. Sets `command`.
__stepflow_name_pipeline() {
    local file=$1 line rest index=0
    [[ -n $file ]] || return 0
    if [[ -z ${__stepflow_pipelines[$file]-} ]]; then
        __stepflow_pipelines[$file]=read
        [[ -f $file && -r $file ]] || return 0
        while IFS= read -r line && ((++index <= 20000)); do
            [[ $line != *'|'* ]] || __stepflow_pipelines[$file:$index]=$line
        done <"$file"
    fi
    line=${__stepflow_pipelines[$file:$2]-}
    [[ $line == *"$command"* ]] || return 0
    rest=${line#*"$command"}
    [[ $rest == '|'[^\|]* || $rest == [[:blank:]]'|'[^\|]* ]] || return 0
    rest=${rest%%; then*}
    command+=${rest%%; do*}
}

# What only sets variables, or says where the script goes on, is no step of it.
__stepflow_is_idle() {
    local name=${1%%=*} value=${1#*=}
    case $1 in
        *'$('* | *'`'*) return 1 ;;
        'for '* | 'case '* | 'select '* | '(('* | '[[ '* | '[ '* | 'test '* | : | ': '*) return 0 ;;
        'read '* | 'local '* | 'declare '* | 'typeset '* | 'readonly '* | 'export '*) return 0 ;;
        'unset '* | 'set '* | 'shopt '* | shift | 'shift '* | 'let '* | 'getopts '*) return 0 ;;
        '>'* | '<'* | 'trap '* | 'eval '* | return | 'return '* | break | continue | exit | 'exit 0') return 0 ;;
    esac
    # NAME=value, and not NAME=value COMMAND
    [[ $1 == *=* && $name != *[^[:alnum:]_+\[\]]* ]] || return 1
    [[ $value != *' '* || $value == \"*\" || $value == \'*\' || $value == \(*\) ]]
}

# Only a subshell that writes to where we do, and that is waited for, is followed.
__stepflow_enter_subshell() {
    __stepflow_pid=$BASHPID
    if ! __stepflow_is_seen || __stepflow_is_background; then
        trap - DEBUG
        return 1
    fi
}

# Does our output go to where the script's went at its start?
__stepflow_is_seen() {
    [[ ( $__stepflow_out == /dev/tty && -t 1 ) || /proc/self/fd/1 -ef $__stepflow_out ]]
}

# Bash lets what runs in the background ignore SIGINT.
__stepflow_is_background() {
    local key value
    while IFS=$' \t' read -r key value; do
        [[ $key != SigIgn: ]] || return $((!(16#${value: -1} & 2)))
    done </proc/self/status
    return 1
}

__stepflow_out=${_STEPFLOW_TRACE-}
[[ -z $__stepflow_out || ! -t 1 ]] || __stepflow_out=/dev/tty
unset _STEPFLOW_TRACE
if [[ -n $__stepflow_out && -z $(trap -p DEBUG) ]] && __stepflow_is_seen; then
    set -o functrace
    # What `set -x` would show of ours goes to /dev/null, and $_ is put back.
    trap '{ __stepflow_trace "$?" "$_" "${FUNCNAME+${#FUNCNAME[@]}}" "$BASH_COMMAND" "${BASH_SOURCE-}" "$LINENO" "${PIPESTATUS[@]}"; : "$__stepflow_last"; } 2>/dev/null' DEBUG
fi
