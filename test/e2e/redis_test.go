package e2e

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

const cancelEntry = `mutation($input: CancelEntryInput!) { cancelEntry(input: $input) { entry { status } } }`

// aclCommands are the commands of docs/deploying.md that create Foyer's user, with other names.
func aclCommands(t testing.TB, user, password, prefix string) (rule, moreOnACluster []any) {
	t.Helper()
	page, err := os.ReadFile("../../docs/deploying.md")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?s)redis-cli (ACL SETUSER foyer .*?)\n`+"```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, found, 2)
	words := func(text string) (words []any) {
		for _, word := range strings.Fields(strings.NewReplacer("\\\n", " ", "'", "", `\|`, "|").Replace(text)) {
			words = append(words, strings.NewReplacer("foyer:", prefix, "PASSWORD", password).Replace(word))
		}
		words[2] = user
		return words
	}
	return words(found[0][1]), words(found[1][1])
}

// granted are the commands that a rule allows.
func granted(rule []any) map[string]bool {
	commands := map[string]bool{}
	for _, word := range rule {
		if name, is := strings.CutPrefix(word.(string), "+"); is {
			commands[name] = true
		}
	}
	return commands
}

// denied are the commands that Redis has refused to a user.
func denied(t testing.TB, node redis.Cmdable, user string) (commands []string) {
	t.Helper()
	log, err := node.ACLLog(context.Background(), 1000).Result()
	require.NoError(t, err)
	for _, entry := range log {
		if entry.Username == user {
			commands = append(commands, entry.Reason+" "+entry.Object)
		}
	}
	return commands
}

// used are the commands that a Redis has executed, also in scripts, since its statistics began.
func used(t testing.TB, node redis.Cmdable) map[string]bool {
	t.Helper()
	stats, err := node.Info(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	commands := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^cmdstat_([^:]+):.*rejected_calls=0`).FindAllStringSubmatch(stats, -1) {
		commands[m[1]] = true
	}
	return commands
}

// usesEverything makes Foyer use each of its Redis commands at least once.
func usesEverything(t *testing.T, environ ...string) {
	_, _, exit := foyer(t, append([]string{"FOYER_DATA=" + t.TempDir()}, environ...), "doctor")
	assert.NotEqual(t, exitUsage, exit)
	environ = append(environ, "FOYER_LOBBY_HEARTBEAT=200ms")
	s := startServer(t, environ...)
	assert.Equal(t, 200, s.get("/readyz"))
	endOtherSessions(t, s)
	meet(t, s, s)
	leaveTheLobby(t, s)
	leaveWithoutAWord(t, startServer(t, append(environ, "FOYER_LOBBY_GRACE=5s")...))
	s, _ = startServerWithLiveKit(t, environ...)
	moderate(t, s)
}

// leaveTheLobby covers guests who do not get into a meeting.
func leaveTheLobby(t *testing.T, s *server) {
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna := s.knock(roomID, "Anna")
	s.must("", cancelEntry, object{"input": object{"ticket": anna.ticket}})
	bob := s.subscribe("", watchEntry, object{"ticket": s.knock(roomID, "Bob").ticket})
	bob.until("entry.status", "WAITING")
	s.must(host, endMeeting, inRoom(roomID, nil))
	bob.until("entry.status", "ENDED")
}

// leaveWithoutAWord covers a guest who disappears, and hosts who stop watching.
func leaveWithoutAWord(t *testing.T, s *server) {
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.next()
	s.knock(roomID, "Carl")
	list.until("lobby.totalCount", "1")
	list.until("lobby.totalCount", "0")
	require.NoError(t, list.conn.Close())
}

// TestACLUserOfTheDocsMayDoOnlyWhatFoyerDoes: Redis refuses it nothing, and Foyer uses each command that is
// allowed.
func TestACLUserOfTheDocsMayDoOnlyWhatFoyerDoes(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	admin := server.Client(t)
	rule, _ := aclCommands(t, "foyer", "hunter2", "foyer:")
	require.NoError(t, admin.Do(t.Context(), rule...).Err())
	require.NoError(t, admin.ConfigResetStat(t.Context()).Err())
	usesEverything(t, "REDIS_URL=redis://foyer:hunter2@"+server.Addr()+"/1", "FOYER_REDIS_PREFIX=foyer:")
	assert.Empty(t, denied(t, admin, "foyer"), "commands that Foyer uses and may not")
	env.Eventually(t, func(c *assert.CollectT) {
		did := used(t, admin)
		for _, command := range slices.Sorted(maps.Keys(granted(rule))) {
			assert.True(c, did[command], "%s is granted, and not used", command)
		}
	})
	keys, err := admin.Do(t.Context(), "EVAL", "return redis.call('KEYS', '*')", 0).StringSlice()
	require.NoError(t, err)
	assert.Empty(t, keys, "nothing is in another database")
}

// TestScriptsUseOnlyCommandsOfTheACLUser, also in branches that no test reaches.
func TestScriptsUseOnlyCommandsOfTheACLUser(t *testing.T) {
	t.Parallel()
	rule, _ := aclCommands(t, "foyer", "x", "foyer:")
	may := granted(rule)
	files, err := filepath.Glob("../../internal/live/scripts/*.lua")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`).FindAllStringSubmatch(string(text), -1) {
			assert.True(t, may[strings.ToLower(m[1])], "%s calls %s", file, m[1])
		}
	}
}

func TestACLUserOfTheDocsRunsOnACluster(t *testing.T) {
	t.Parallel()
	client, prefix := env.RedisCluster(t)
	cluster := client.(*redis.ClusterClient)
	user := strings.TrimSuffix(prefix, ":")
	rule, more := aclCommands(t, user, "hunter2", prefix)
	each := func(f func(context.Context, *redis.Client) error) {
		require.NoError(t, cluster.ForEachMaster(context.Background(), f))
	}
	each(func(ctx context.Context, node *redis.Client) error {
		_, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Do(ctx, rule...)
			p.Do(ctx, more...)
			return nil
		})
		return err
	})
	t.Cleanup(func() {
		each(func(ctx context.Context, node *redis.Client) error {
			return node.Do(ctx, "ACL", "DELUSER", user).Err()
		})
	})
	usesEverything(t, "REDIS_CLUSTER=true", "FOYER_REDIS_PREFIX="+prefix,
		fmt.Sprintf("REDIS_URL=redis://%s:hunter2@%s", user, cluster.Options().Addrs[0]))
	for _, addr := range cluster.Options().Addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		defer node.Close()
		assert.Empty(t, denied(t, node, user), "commands that Foyer uses and may not")
	}
}

// securedRedis is a Redis that accepts only TLS with certificates of its authority, and has the user of
// docs/deploying.md.
type securedRedis struct {
	*env.RedisServer

	tls int // its port for TLS; the other port is for the test
}

func startSecured(t testing.TB, authority *env.Authority, more ...string) *securedRedis {
	t.Helper()
	store, port := env.StartRedisTLS(t, authority, more...)
	s := &securedRedis{store, port}
	rule, _ := aclCommands(t, "foyer", "hunter2", "foyer:")
	require.NoError(t, s.Client(t).Do(context.Background(), rule...).Err())
	return s
}

// TestServerReachesRedisOverTLS as the user of docs/deploying.md.
func TestServerReachesRedisOverTLS(t *testing.T) {
	t.Parallel()
	authority := env.NewAuthority(t)
	store := startSecured(t, authority)
	s := startServer(t, append(authority.Settings(t), "FOYER_REDIS_PREFIX=foyer:",
		fmt.Sprintf("REDIS_URL=rediss://foyer:hunter2@127.0.0.1:%d/0", store.tls))...)
	meet(t, s, s)
}

// TestGuestsKeepWaitingWhileSentinelPromotesAReplica: the master is killed. Sockets stay open, and a later decision
// reaches the guest. All connections use TLS and the user of docs/deploying.md, and the Sentinel has its own password.
func TestGuestsKeepWaitingWhileSentinelPromotesAReplica(t *testing.T) {
	t.Parallel()
	authority := env.NewAuthority(t)
	master := startSecured(t, authority)
	replica := startSecured(t, authority, "--replicaof", "127.0.0.1", strconv.Itoa(master.tls))
	port := env.FreePort(t)
	certificate, key := authority.Issue(t, "localhost")
	env.StartSentinel(t, master.tls, fmt.Sprintf("port 0\ntls-port %d\ntls-cert-file %s\ntls-key-file %s\n"+
		"tls-ca-cert-file %s\ntls-replication yes\nrequirepass watching", port, certificate, key, authority.CA))
	environ := append(authority.Settings(t), "FOYER_REDIS_PREFIX=foyer:", "FOYER_LOBBY_HEARTBEAT=500ms",
		fmt.Sprintf("REDIS_URL=rediss://:watching@localhost:%d/0?master_name=%s&username=foyer&password=hunter2",
			port, env.SentinelMaster))
	replicated(t, &redis.Options{
		Addr: fmt.Sprintf("localhost:%d", port), Password: "watching", TLSConfig: authority.Client(t),
	})

	s := startServer(t, environ...)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna, bob := s.knock(roomID, "Anna"), s.knock(roomID, "Bob")
	annas := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	annas.until("entry.status", "WAITING")
	bobs := s.subscribe("", watchEntry, object{"ticket": bob.ticket})
	bobs.until("entry.status", "WAITING")
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.until("lobby.totalCount", "2")
	s.must(host, admitEntry, decision(roomID, bob))
	bobs.until("entry.status", "ADMITTED")
	passedOn, err := master.Client(t).Wait(t.Context(), 1, env.Soon).Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, passedOn)

	master.Stop(t)
	assert.Equal(t, "A room", text(s.must("", `query($id: ID!) { room(id: $id) { name } }`,
		object{"id": roomID}), "room.name"))
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Empty(c, s.ask(host, admitEntry, decision(roomID, anna)).Errors)
	})
	annas.until("entry.status", "ADMITTED")
	list.until("lobby.totalCount", "0")
	carl := s.knock(roomID, "Carl")
	list.until("lobby.totalCount", "1")
	carls := s.subscribe("", watchEntry, object{"ticket": carl.ticket})
	carls.until("entry.status", "WAITING")
	s.must(host, denyEntry, decision(roomID, carl))
	carls.until("entry.status", "DENIED")
	data := s.must("", createRoomToken, object{"input": object{"roomId": roomID, "ticket": bob.ticket}})
	assert.Equal(t, bob.id, text(data, "createRoomToken.participantId"), "what was decided before stands")
	role, err := replica.Client(t).Do(t.Context(), "ROLE").Slice()
	require.NoError(t, err)
	assert.Equal(t, "master", role[0])
	assert.Empty(t, denied(t, replica.Client(t), "foyer"))
}

// replicated waits until a Sentinel knows a replica that can become the master.
func replicated(t *testing.T, options *redis.Options) {
	t.Helper()
	sentinel := redis.NewSentinelClient(options)
	defer sentinel.Close()
	env.Eventually(t, func(c *assert.CollectT) {
		replicas, err := sentinel.Replicas(context.Background(), env.SentinelMaster).Result()
		if assert.NoError(c, err) && assert.Len(c, replicas, 1) {
			assert.Equal(c, "slave", replicas[0]["flags"])
			assert.Equal(c, "ok", replicas[0]["master-link-status"])
		}
	})
}

// TestRedisHangsUnderTheServer: it answers nothing for a while. Foyer answers queries and reports UNAVAILABLE in time
// where it needs Redis. Sockets stay open, and everything works again afterwards.
func TestRedisHangsUnderTheServer(t *testing.T) {
	t.Parallel()
	store := env.StartRedis(t)
	s := startServer(t, "REDIS_URL="+store.URL(), "FOYER_LOBBY_HEARTBEAT=500ms", "FOYER_LOBBY_GRACE=10m",
		"FOYER_OPERATION_TIMEOUT=5s")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna := s.knock(roomID, "Anna")
	entry := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.until("lobby.totalCount", "1")
	status := s.subscribe(host, watchStatus, object{"roomId": roomID})
	status.next()

	store.Freeze()
	assert.Equal(t, "A room", text(s.must("", `query($id: ID!) { room(id: $id) { name } }`,
		object{"id": roomID}), "room.name"), "what needs no Redis goes on")
	assert.Equal(t, "UNAVAILABLE", s.ask(host, admitEntry, decision(roomID, anna)).code())
	for query, input := range map[string]object{
		requestEntry:    {"roomId": roomID, "displayName": "Bob"},
		createRoomToken: {"roomId": roomID, "ticket": anna.ticket},
		cancelEntry:     {"ticket": anna.ticket},
	} {
		assert.Equal(t, "UNAVAILABLE", s.ask("", query, object{"input": input}).code(), query)
	}
	store.Thaw()
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Empty(c, s.ask(host, admitEntry, decision(roomID, anna)).Errors)
	})
	entry.until("entry.status", "ADMITTED")
	list.until("lobby.totalCount", "0")
	s.must(host, lockRoom, inRoom(roomID, nil))
	status.until("roomStatus.locked", "true")
}

// TestAdmissionOutlivesAFailoverThatLosesIt: the new master lacks the admission. The guest was told, and watches no
// longer.
func TestAdmissionOutlivesAFailoverThatLosesIt(t *testing.T) {
	t.Parallel()
	master := env.StartRedis(t)
	admin := master.Client(t)
	require.NoError(t, admin.Do(t.Context(), "ACL", "SETUSER", "replica", "on", ">first", "+psync", "+replconf",
		"+ping").Err())
	_, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	replica := env.StartRedis(t, "--replicaof", "127.0.0.1", port, "--masteruser", "replica", "--masterauth", "first")
	sentinel := env.FreePort(t)
	masterPort, err := strconv.Atoi(port)
	require.NoError(t, err)
	env.StartSentinel(t, masterPort, fmt.Sprintf("port %d", sentinel))
	environ := []string{
		fmt.Sprintf("REDIS_URL=redis://127.0.0.1:%d/0?master_name=%s", sentinel, env.SentinelMaster),
		"FOYER_LOBBY_HEARTBEAT=500ms", "FOYER_LOBBY_GRACE=10m",
	}
	replicated(t, &redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", sentinel)})
	s := startServer(t, environ...)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna, bob := s.knock(roomID, "Anna"), s.knock(roomID, "Bob")
	passedOn, err := admin.Wait(t.Context(), 1, env.Soon).Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, passedOn)

	require.NoError(t, admin.Do(t.Context(), "ACL", "SETUSER", "replica", "resetpass", ">second").Err())
	require.NoError(t, admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "REPLICA").Err())
	s.must(host, admitEntry, decision(roomID, anna))
	annas := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	annas.until("entry.status", "ADMITTED")
	require.NoError(t, annas.conn.Close())
	lost := replica.Client(t).HGet(t.Context(), "lobby:{"+roomID+"}:entry:"+anna.id, "status")
	require.Equal(t, "WAITING", lost.Val(), "%v", lost.Err())
	master.Stop(t)

	tokenFor := func(of request) response {
		return s.ask("", createRoomToken, object{"input": object{"roomId": roomID, "ticket": of.ticket}})
	}
	env.Eventually(t, func(c *assert.CollectT) { assert.Equal(c, "LOBBY_REQUIRED", tokenFor(bob).code()) })
	given := tokenFor(anna)
	require.Empty(t, given.Errors)
	assert.Equal(t, anna.id, text(given.Data, "createRoomToken.participantId"))
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.until("lobby.totalCount", "1")
}
