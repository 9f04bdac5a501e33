package soak

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// size is how much one server holds: goroutines by their first function, descriptors by kind.
type size struct {
	goroutines, descriptors tally
}

// tally counts things by name.
type tally map[string]int

func (t tally) sum() (sum int) {
	for _, n := range t {
		sum += n
	}
	return sum
}

// more returns how much more there is than before, compared by name, and the names.
func (t tally) more(before tally) (more int, which []string) {
	for name, n := range t {
		if n > before[name] {
			more += n - before[name]
			which = append(which, fmt.Sprintf("%d more: %s", n-before[name], name))
		}
	}
	return more, which
}

// leaks are what the load has left behind when everybody has gone.
type leaks struct {
	goroutines, descriptors, keys, channels int
	// examples say which.
	examples []string
}

// measure returns the sizes of all idle servers.
func (w *world) measure() []size {
	w.http.CloseIdleConnections()
	sizes := make([]size, len(w.servers))
	for i, s := range w.servers {
		for again := range 50 { // what has just ended may still be there
			last := sizes[i]
			sizes[i] = w.sizeOf(s)
			if again > 2 && last.goroutines.sum() == sizes[i].goroutines.sum() &&
				last.descriptors.sum() == sizes[i].descriptors.sum() {
				break
			}
			rest(w.t.Context(), 300*time.Millisecond)
		}
	}
	return sizes
}

// sizeOf first collects garbage, which closes unused connections.
func (w *world) sizeOf(s *server) size {
	w.inner(s, "/debug/pprof/heap?gc=1")
	return size{goroutines: w.goroutinesOf(s), descriptors: w.descriptorsOf(s)}
}

// inner returns the answer of a server's inner listener.
func (w *world) inner(s *server, path string) string {
	request, err := http.NewRequest(http.MethodGet, "http://"+s.inner+path, nil)
	require.NoError(w.t, err)
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	return string(text)
}

var howMany = regexp.MustCompile(`(?m)^(\d+) @`)

// idle are goroutines of connections that wait for a request: servers keep connections to LiveKit, for example, for a
// while, and the measuring request has one, too.
var idle = regexp.MustCompile(`net/http\.\(\*(persistConn|connReader)\)`)

// goroutinesOf counts a server's goroutines by their first function. It ignores those of the runtime, which show no
// function, and idle ones.
func (w *world) goroutinesOf(s *server) tally {
	stacks := tally{}
	for stack := range strings.SplitSeq(w.inner(s, "/debug/pprof/goroutine?debug=1"), "\n\n") {
		if idle.MatchString(stack) {
			continue
		}
		if count := howMany.FindStringSubmatch(stack); count != nil {
			n, _ := strconv.Atoi(count[1])
			if name, known := begun(stack); known {
				stacks[name] += n
			}
		}
	}
	return stacks
}

var function = regexp.MustCompile(`(?m)^#\t\S+\t(\S+?)\+0x`)

// begun is the first function of a goroutine, which says more than its current one.
func begun(stack string) (name string, known bool) {
	calls := function.FindAllStringSubmatch(stack, -1)
	if len(calls) == 0 {
		return "", false
	}
	name = calls[len(calls)-1][1]
	return name, !strings.HasPrefix(name, "runtime.")
}

var connections = regexp.MustCompile(`(?m)^foyer_(redis|database)_connections\{[^}]*state="(used|idle)"[^}]*\} (\d+)`)

// subscriptions are the connections to Redis that a server has outside its pool.
const subscriptions = 2

// poolsOf returns how many connections a server has in its pools, and how many of them are in use.
func (w *world) poolsOf(s *server) (open, used tally) {
	open, used = tally{"Redis": subscriptions, "LiveKit": 100}, tally{}
	for _, m := range connections.FindAllStringSubmatch(w.inner(s, "/metrics"), -1) {
		service := map[string]string{"redis": "Redis", "database": "PostgreSQL"}[m[1]]
		n, _ := strconv.Atoi(m[3])
		open[service] += n
		if m[2] == "used" {
			used["connection to "+service+" in use"] += n
		}
	}
	return open, used
}

// descriptorsOf counts a server's open descriptors. Of the connections to Redis, the database and LiveKit it counts
// those in use and those outside the pools.
func (w *world) descriptorsOf(s *server) tally {
	links := w.links[s.number]
	pools, others := w.poolsOf(s)
	services := map[string]string{
		port(links.redis.Listen): "Redis", port(links.postgres.Listen): "PostgreSQL",
		port(links.liveKit.Listen): "LiveKit",
	}
	open := openFiles(w.t, s.pid())
	remote := remotePorts(w.t, s.pid())
	still := openFiles(w.t, s.pid()) // closed ones have left the table of connections meanwhile
	pooled := tally{}
	for descriptor, to := range open {
		at, connected := remote[to]
		service, known := services[at.port]
		switch {
		case still[descriptor] != to:
		case known && pooled[service] < pools[service]:
			pooled[service]++
		case known:
			others["connection to "+service+", state "+at.state]++
		case connected:
			others["connection to a client"]++
		default:
			others[inode.ReplaceAllString(to, "")]++
		}
	}
	for _, service := range []string{"Redis", "PostgreSQL"} { // reset while idle: no longer in the table
		others[unconnected] -= min(others[unconnected], pools[service]-pooled[service])
	}
	return others
}

// unconnected is a socket that is in no table.
const unconnected = "socket:[]"

// openFiles are a process's descriptors and their link targets.
func openFiles(t require.TestingT, pid int) map[string]string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string]string{}
	for _, descriptor := range all {
		if to, err := os.Readlink(dir + "/" + descriptor.Name()); err == nil {
			files[descriptor.Name()] = to
		}
	}
	return files
}

var inode = regexp.MustCompile(`\d{3,}`)

// remote is the other end of a connection, and the connection's state.
type remote struct{ port, state string }

// remotePorts are the remote ports of a process's connections, by the link target of the descriptor.
func remotePorts(t require.TestingT, pid int) map[string]remote {
	table, err := os.Open(fmt.Sprintf("/proc/%d/net/tcp", pid))
	require.NoError(t, err)
	defer table.Close()
	ports := map[string]remote{}
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || !strings.Contains(fields[2], ":") {
			continue
		}
		_, hex, _ := strings.Cut(fields[2], ":")
		if at, err := strconv.ParseUint(hex, 16, 16); err == nil {
			ports["socket:["+fields[9]+"]"] = remote{strconv.FormatUint(at, 10), fields[3]}
		}
	}
	return ports
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// kind is a kind of key, with the time that it may outlive its meeting.
type kind struct {
	names *regexp.Regexp
	most  time.Duration
}

// kept says how long keys may outlive their meeting, as in docs/lobby.md and the settings. A key of no such kind is a
// leak.
var kept = []kind{
	{regexp.MustCompile(`^lobby:\{[-0-9a-f]{36}\}:entry:`), max(deniedFor, time.Hour)},
	{regexp.MustCompile(`^lobby:\{[-0-9a-f]{36}\}:pass:`), 10 * time.Minute},
	{regexp.MustCompile(`^lobby:\{[-0-9a-f]{36}\}:(version|meeting)$`), 24 * time.Hour},
	{regexp.MustCompile(`^event:`), 10 * time.Minute},
	{regexp.MustCompile(`^meetings:compared$`), time.Minute},
	{regexp.MustCompile(`^session`), 24 * time.Hour},
}

// leakedKeys are keys without an expiry, with a late one, or of an unknown kind.
func (w *world) leakedKeys(ctx context.Context) (leaked []string) {
	for keys := w.store.Scan(ctx, 0, "*", 1000).Iterator(); keys.Next(ctx); {
		key := keys.Val()
		ttl, err := w.store.PTTL(ctx, key).Result()
		require.NoError(w.t, err)
		in := slices.IndexFunc(kept, func(k kind) bool { return k.names.MatchString(key) })
		if ttl != -2 && (in < 0 || ttl < 0 || ttl > kept[in].most) {
			leaked = append(leaked, fmt.Sprintf("key %s for %v", key, ttl))
		}
	}
	return leaked
}

// leaks returns what is left after everything had time to end.
func (w *world) leaks(before []size) (left leaks) {
	w.closeSilent()
	w.http.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	ctx := w.t.Context()
	clean := make([]bool, len(w.servers)) // servers that once had no more than before: they do not leak
	for deadline := time.Now().Add(patience); ; {
		left = leaks{examples: w.leakedKeys(ctx)}
		left.keys = len(left.examples)
		bells, err := w.store.PubSubChannels(ctx, "*bell").Result()
		require.NoError(w.t, err)
		left.channels = len(bells)
		for i, s := range w.servers {
			if !clean[i] {
				clean[i] = left.add(s, w.sizeOf(s), before[i])
			}
		}
		if left.goroutines+left.descriptors+left.keys+left.channels == 0 || time.Now().After(deadline) {
			return left
		}
		rest(ctx, 500*time.Millisecond)
	}
}

// add records what a server has more of than before, and reports whether that is nothing.
func (l *leaks) add(s *server, now, before size) (nothing bool) {
	goroutines, which := now.goroutines.more(before.goroutines)
	descriptors, more := now.descriptors.more(before.descriptors)
	l.goroutines += goroutines
	l.descriptors += descriptors
	for _, example := range slices.Concat(which, more) {
		l.examples = append(l.examples, fmt.Sprintf("server %d: %s", s.number, example))
	}
	return goroutines+descriptors == 0
}

func (w *world) closeSilent() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.silent {
		s.conn.Close()
	}
}
