/**
 * The shell program that stands between a test process and a server, so that the server ends with the test process,
 * however that ends: its descriptor 3 is a pipe whose other end only the test process holds, and the kernel closes it.
 *
 * A shell, because every system with a Redis server has one, it starts in a millisecond, needs no file of its own
 * (so it works from source, from `dist` and out of a bundle), and nothing in the test process has to be alive for it.
 *
 * Arguments: the directory to make now and to remove in the end, then the command to run in it.
 * Descriptor 3, in: a line starts the command; the end of the stream kills it, removes the directory and ends.
 * Descriptor 1, out: `ready`, then `started <pid>` and `exited <status>` for each run.
 *
 * - PIPE and HUP are ignored, for after the test process's death a report must not kill the shell before it has cleaned up.
 * - While the command runs, a subshell reads descriptor 3. The command is not reaped before `wait` returns,
 *   so that its process id cannot be another's when the subshell kills it.
 * - The subshell is waited for before `exited` is reported, so that it never takes the line that starts the next run.
 */
export const SUPERVISOR: string = `
trap '' PIPE HUP
directory=$1
shift
mkdir -m 700 "$directory" && cd "$directory" || exit 1
echo ready
while read -r _ <&3; do
  "$@" </dev/null >>"$directory/server.log" 2>&1 3<&- &
  server=$!
  echo "started $server"
  { read -r _ <&3; kill -KILL "$server"; } </dev/null >/dev/null &
  watcher=$!
  wait "$server"
  status=$?
  kill -KILL "$watcher"
  wait "$watcher"
  echo "exited $status"
done
cd /
rm -rf "$directory"
`;
