package lobby_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/live"
	"foyer/test/env"
)

// BenchmarkRedis measures the time of Redis's own core that docs/scaling.md reckons with.
func BenchmarkRedis(b *testing.B) {
	server := env.StartRedis(b)
	rdb := server.Client(b)
	require.NoError(b, rdb.ConfigSet(context.Background(), "appendonly", "no").Err())
	w := newWorld(b, rdb, "", calm)
	for name, work := range map[string]func(*testing.B){"guest": w.benchGuest, "list50": w.benchList} {
		b.Run(name, func(b *testing.B) { onRedisCore(b, rdb, work) })
	}
	b.Run("bell", func(b *testing.B) { benchBell(b, rdb) })
	b.Run("heartbeat/room=1", func(b *testing.B) { benchHeartbeat(b, 1) })
	b.Run("heartbeat/room=100", func(b *testing.B) { benchHeartbeat(b, 100) })
}

// benchGuest is all that one guest requests of Redis, except the heartbeats while they wait.
func (w *world) benchGuest(b *testing.B) {
	w = w.withNewRoom()
	for b.Loop() {
		w.admitAGuest(b)
	}
}

// admitAGuest has a guest knock, watch, be admitted and get a token.
func (w *world) admitAGuest(t testing.TB) {
	t.Helper()
	request := w.knock(t, "Guest")
	entry := w.watchEntry(t, w.Service, request)
	entry.next()
	_, err := w.Admit(w.Host(), w.decide(request))
	require.NoError(t, err)
	_, err = w.ConnectionDetails(env.Guest(), entry.until(is(live.Admitted)))
	require.NoError(t, err)
	entry.end()
}

// onRedisCore reports how long Redis works for one operation.
func onRedisCore(b *testing.B, rdb *redis.Client, work func(*testing.B)) {
	before := redisCore(b, rdb)
	work(b)
	b.ReportMetric(float64((redisCore(b, rdb)-before).Nanoseconds())/1000/float64(b.N), "redis-µs/op")
}

// redisCore is the processor time that Redis has taken.
func redisCore(b *testing.B, rdb *redis.Client) time.Duration {
	b.Helper()
	info, err := rdb.InfoMap(context.Background(), "cpu").Result()
	require.NoError(b, err)
	var sum float64
	for _, of := range []string{"used_cpu_sys_main_thread", "used_cpu_user_main_thread"} {
		seconds, err := strconv.ParseFloat(info["CPU"][of], 64)
		require.NoError(b, err)
		sum += seconds
	}
	return time.Duration(sum * float64(time.Second))
}

// benchBell publishes to three servers that listen.
func benchBell(b *testing.B, rdb *redis.Client) {
	const servers, burst = 3, 100
	for range servers {
		listener := rdb.Subscribe(context.Background(), "room")
		_, err := listener.Receive(context.Background())
		require.NoError(b, err)
		heard := listener.Channel(redis.WithChannelSize(10_000))
		go func() {
			for range heard { //nolint:revive // it listens
			}
		}()
		b.Cleanup(func() { listener.Close() })
	}
	onRedisCore(b, rdb, func(b *testing.B) {
		for b.Loop() {
			pipe := rdb.Pipeline()
			for range burst {
				pipe.Publish(context.Background(), "room", "018f3a54-0000-7000-8000-000000000000")
			}
			_, err := pipe.Exec(context.Background())
			require.NoError(b, err)
		}
	})
	b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/burst, "µs/bell")
}

// benchHeartbeat has guests wait in rooms of some size, and measures what they cost while nothing happens.
func benchHeartbeat(b *testing.B, inRoom int) {
	const guests = 1_000
	server := env.StartRedis(b)
	rdb := server.Client(b)
	w := newWorld(b, server.Client(b), "", fast)
	for i := range guests {
		if i%inRoom == 0 {
			w = w.withNewRoom()
		}
		w.watchEntry(b, w.Service, w.knock(b, "Guest")).next()
	}
	before, scripts := redisCore(b, rdb), scriptsRun(b, rdb)
	for b.Loop() {
		time.Sleep(fast.Heartbeat)
	}
	beats := float64(scriptsRun(b, rdb)-scripts) / float64(guests/inRoom)
	cost := redisCore(b, rdb) - before
	b.ReportMetric(float64(cost.Nanoseconds())/1000/beats/guests, "redis-µs/guest")
}

var scriptCalls = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`)

// scriptsRun counts the scripts that Redis has run.
func scriptsRun(t testing.TB, rdb *redis.Client) int {
	t.Helper()
	stats, err := rdb.Info(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	found := scriptCalls.FindStringSubmatch(stats)
	if found == nil {
		return 0
	}
	calls, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return calls
}

// Scripts that docs/scaling.md reckons with for one guest who knocks, watches, is admitted and gets a token,
// where no limits are set. One of them is left out when the knock's own bell comes before the guest watches,
// or together with the decision's.
const scriptsOfAGuest = 5

// TestScriptsOfAGuestAreThoseThatScalingReckonsWith counts them at a real Redis.
func TestScriptsOfAGuestAreThoseThatScalingReckonsWith(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	admin := server.Client(t)
	w := newWorld(t, server.Client(t), "", calm)
	w.watchEntry(t, w.Service, w.knock(t, "Stays")).next() // so the server always receives the room's bells
	before := scriptsRun(t, admin)
	const guests = 10
	for range guests {
		w.admitAGuest(t)
	}
	counted := scriptsRun(t, admin) - before
	assert.LessOrEqual(t, counted, scriptsOfAGuest*guests+2, "watchers read again once the bells arrive")
	assert.GreaterOrEqual(t, counted, (scriptsOfAGuest-1)*guests, "it is not far more than there are")
}

// plan is a row of the table in docs/scaling.md: so many guests wait, so many for one room, for so long,
// at so many servers; and what that is for Redis, a second.
type plan struct {
	guests, inRoom, waits, servers        int
	heartbeats, presences, scripts, bells float64
}

var planRow = regexp.MustCompile(`(?m)^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) s \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|`)

func plansOf(t *testing.T, page string) []plan {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var plans []plan
	for _, row := range planRow.FindAllStringSubmatch(string(text), -1) {
		var n [8]int
		for i := range n {
			n[i], err = strconv.Atoi(strings.ReplaceAll(row[i+1], ",", ""))
			require.NoError(t, err)
		}
		plans = append(plans, plan{n[0], n[1], n[2], n[3],
			float64(n[4]), float64(n[5]), float64(n[6]), float64(n[7])})
	}
	return plans
}

// TestArithmeticOfScalingHolds plays a minute of each plan, guest by guest, each at a server that chance
// chooses, and compares what that asks of Redis with what the page says.
func TestArithmeticOfScalingHolds(t *testing.T) {
	t.Parallel()
	plans := plansOf(t, "../docs/scaling.md")
	require.GreaterOrEqual(t, len(plans), 3)
	for _, p := range plans {
		played := p.play(rand.New(rand.NewPCG(1, 2)))
		for name, pair := range map[string][2]float64{
			"heartbeats": {p.heartbeats, played.heartbeats}, "presences": {p.presences, played.presences},
			"scripts": {p.scripts, played.scripts}, "bells": {p.bells, played.bells},
		} {
			assert.InEpsilon(t, pair[1], pair[0], 0.05, "%s of %d guests at %d servers", name, p.guests, p.servers)
		}
	}
}

// play returns the plan with what was counted. Each admitted guest makes room for another.
func (p plan) play(chance *rand.Rand) plan {
	const seconds, heartbeat, inScript = 60, 10, 1_000
	rooms := p.guests / p.inRoom
	there := make([]int, rooms*p.servers) // how many wait for a room at a server
	at := make([]int, p.guests)           // where in there each guest is
	arrive := func(guest int) {
		at[guest] = guest/p.inRoom*p.servers + chance.IntN(p.servers)
		there[at[guest]]++
	}
	for guest := range at {
		arrive(guest)
	}
	host := make([]int, rooms) // the server that the room's host watches at
	for room := range host {
		host[room] = chance.IntN(p.servers)
	}
	heard := func(room int) (by float64) {
		for server, n := range there[room*p.servers:][:p.servers] {
			if n > 0 || server == host[room] {
				by++
			}
		}
		return by
	}
	var heartbeats, presences, scripts, bells float64
	for second := range seconds {
		if second%heartbeat == 0 {
			for room := range host {
				heartbeats += heard(room)
				for _, n := range there[room*p.servers:][:p.servers] {
					heartbeats += math.Ceil(float64(max(n, 1))/inScript) - 1 // what one script cannot hold
					presences += float64(n)
				}
			}
		}
		for range p.guests / p.waits { // admitted, and somebody else comes
			guest := chance.IntN(p.guests)
			scripts += scriptsOfAGuest
			bells += heard(guest / p.inRoom) // of the decision
			there[at[guest]]--
			arrive(guest)
			bells += heard(guest / p.inRoom) // of the knock
		}
	}
	p.heartbeats, p.presences, p.scripts, p.bells =
		heartbeats/seconds, presences/seconds, scripts/seconds, bells/seconds
	return p
}
