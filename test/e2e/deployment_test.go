package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// deployment runs docker-compose.yml as processes: three Foyers in production mode behind nginx, with the settings that
// the file mounts. Each Foyer has its own address, and nginx finds them by the name of their service, as with Docker.
type deployment struct {
	*server // all of them, through nginx

	composition composition
	replicas    []*server
	addresses   []netip.Addr
	port, inner int
	services    map[string]string // addresses of the file's services here, by host:port
	environ     map[string]string // what the file sets for each Foyer
	dns         *env.DNS
	nginx       *env.Nginx
	bucket      env.S3Bucket
	host        *browser
	came        int // how many guests have come
}

// replicaAddress is 127.0.1.1 for the first replica, and so on: loopback is a whole network.
func replicaAddress(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}) }

// deploy starts everything. The operator sets more variables, and Foyer gets more settings than the file has.
func deploy(t *testing.T, says map[string]string, more ...string) *deployment {
	t.Helper()
	ports, err := env.FreePorts(2)
	require.NoError(t, err)
	d := &deployment{
		composition: readComposition(t), dns: env.StartDNS(t), bucket: env.Bucket(t),
		port: ports[0], inner: ports[1],
	}
	said := maps.Clone(operator)
	maps.Copy(said, says)
	liveKit, key, secret := env.LiveKit(t)
	maps.Copy(said, map[string]string{
		"LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret, "LIVEKIT_PUBLIC_URL": liveKit,
		"FOYER_S3_SECRET": d.bucket.Secret,
	})
	d.services = map[string]string{
		":redisPassword@redis:6379": env.StartRedis(t).Addr(), // a test's own Redis has no password
		"livekit:7880":              strings.TrimPrefix(liveKit, "ws://"),
		"minio:9000":                strings.TrimPrefix(d.bucket.Endpoint, "http://"),
		"foyer:8080":                "foyer:" + strconv.Itoa(d.port),
	}
	d.startNginx(t, said)
	d.server = &server{t: t, url: d.nginx.URL()}
	provider := env.Receive(t, node(t, "oidc.mjs", d.url, "foyer", "hush"))
	said["FOYER_PUBLIC_URL"], said["FOYER_OIDC_ISSUER"] = d.url, text(provider, "issuer")
	d.environ = d.here(t, "foyer", said)
	d.adaptStores(t, said)
	d.startReplicas(t, more)
	return d
}

// here is the environment of a service, with the addresses of services on this machine.
func (d *deployment) here(t *testing.T, service string, said map[string]string) map[string]string {
	t.Helper()
	names := slices.Collect(maps.Keys(d.composition.Services))
	elsewhere := regexp.MustCompile(`\b(` + strings.Join(names, "|") + `):\d`)
	environment := d.composition.environment(t, service, said)
	for name, value := range environment {
		if service == "foyer" && name == "DATABASE_URL" {
			continue
		}
		for there, here := range d.services {
			value = strings.ReplaceAll(value, there, here)
		}
		if !strings.HasPrefix(value, "foyer:"+strconv.Itoa(d.port)) {
			require.NotRegexp(t, elsewhere, value, "%s leads nowhere", name)
		}
		environment[name] = value
	}
	return environment
}

// adaptStores replaces the file's database and bucket by those of the test, and checks that the file names the ones
// that it creates.
func (d *deployment) adaptStores(t *testing.T, said map[string]string) {
	t.Helper()
	at, err := url.Parse(d.environ["DATABASE_URL"])
	require.NoError(t, err)
	made := d.composition.environment(t, "postgres", said)
	password, _ := at.User.Password()
	assert.Equal(t, "postgres:5432", at.Host)
	assert.Equal(t, []string{made["POSTGRES_USER"], made["POSTGRES_PASSWORD"], "/" + made["POSTGRES_DB"]},
		[]string{at.User.Username(), password, at.Path})
	empty := func(context.Context, string) error { return nil }
	d.environ["DATABASE_URL"] = env.Postgres(t, empty)

	said["MINIO_ROOT_PASSWORD"], said["EGRESS_S3_SECRET"] = "unused", "unused"
	bucket := d.composition.environment(t, "bucket", said)
	for _, name := range []string{"S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"} {
		assert.Equal(t, bucket[name], d.environ[name], name)
	}
	d.environ["S3_BUCKET"], d.environ["S3_ACCESS_KEY"] = d.bucket.Name, d.bucket.AccessKey
}

// startNginx starts nginx with the configuration that its image makes from the template and the environment.
func (d *deployment) startNginx(t *testing.T, said map[string]string) {
	t.Helper()
	mounted := d.composition.Services["nginx"].Volumes
	require.Len(t, mounted, 2) // the template and its own settings
	assert.Equal(t, nginxFile, filepath.Join("../..", mounted[0].Source))
	assert.Equal(t, "/etc/nginx/templates/default.conf.template", mounted[0].Target)
	environment := d.here(t, "nginx", said)
	require.NotEmpty(t, environment["NGINX_ENTRYPOINT_LOCAL_RESOLVERS"])
	environment["NGINX_LOCAL_RESOLVERS"] = d.dns.Address()
	filter, err := regexp.Compile(environment["NGINX_ENVSUBST_FILTER"])
	require.NoError(t, err)
	maps.DeleteFunc(environment, func(name, _ string) bool {
		return !filter.MatchString(name) || name == "NGINX_LISTEN" || name == "S3_CA_FILE"
	})
	certificate := secured(t, http.NotFoundHandler()).Certificate()
	d.nginx = startNginxWith(t, certificate, environment)
}

// startReplicas starts all replicas of the file in parallel, on an empty database.
func (d *deployment) startReplicas(t *testing.T, more []string) {
	t.Helper()
	for name, value := range d.environ {
		more = append(more, name+"="+value)
	}
	d.replicas = make([]*server, d.composition.Services["foyer"].Deploy.Replicas)
	require.Len(t, d.replicas, 3)
	var starting sync.WaitGroup
	for i := range d.replicas {
		address := replicaAddress(i)
		d.addresses = append(d.addresses, address)
		starting.Go(func() { d.replicas[i] = d.replica(t, address, more) })
	}
	starting.Wait()
	require.False(t, t.Failed())
	d.dns.Set("foyer", d.addresses...)
}

// replica starts a Foyer on its own address, as in a container.
func (d *deployment) replica(t *testing.T, address netip.Addr, environ []string) *server {
	own := strings.NewReplacer(
		"=0.0.0.0:8080", fmt.Sprintf("=%s:%d", address, d.port),
		"=0.0.0.0:9090", fmt.Sprintf("=%s:%d", address, d.inner),
	)
	environ = slices.Clone(environ)
	for i := range environ {
		environ[i] = own.Replace(environ[i])
	}
	return startServer(t, environ...)
}

// again starts a replica at an address after it ended.
func (d *deployment) again(t *testing.T, i int, address netip.Addr) {
	t.Helper()
	var environ []string
	for _, setting := range d.replicas[i].process.Env {
		setting = strings.ReplaceAll(setting, d.addresses[i].String()+":", address.String()+":")
		environ = append(environ, setting)
	}
	d.addresses[i] = address
	d.replicas[i] = startServer(t, environ...)
	d.dns.Set("foyer", d.addresses...)
}

// finds waits until nginx has sent a request to a replica. nginx looks up addresses once a second.
func (d *deployment) finds(replica *server) {
	d.t.Helper()
	env.Eventually(d.t, func(c *assert.CollectT) {
		assert.NoError(c, d.askSomething())
		assert.Contains(c, replica.log(), `"route":"/graphql"`)
	})
}

// signIn signs the host in, whichever replicas get its requests.
func (d *deployment) signIn(t *testing.T) {
	t.Helper()
	d.host = newBrowser(t)
	d.host.signsIn(d.server, "ada", "/healthz")
	require.Equal(t, "Ada Lovelace", d.host.name(d.url), d.host.text)
}

// asHost runs an operation with the host's cookie, which must succeed, and returns its data.
func (d *deployment) asHost(query string, variables object) object {
	d.t.Helper()
	body := toJSON(d.t.(*testing.T), object{"query": query, "variables": variables})
	request, err := http.NewRequest(http.MethodPost, d.url+"/graphql", strings.NewReader(body))
	require.NoError(d.t, err)
	request.Header.Set("Content-Type", "application/json")
	got, err := d.host.client.Do(request)
	require.NoError(d.t, err)
	defer got.Body.Close()
	var answer response
	require.NoError(d.t, json.NewDecoder(got.Body).Decode(&answer))
	require.Empty(d.t, answer.Errors, query)
	return answer.Data
}

func (d *deployment) newRoom() string {
	d.t.Helper()
	input := object{"name": "A room", "accessLevel": "RESTRICTED"}
	return text(d.asHost(createRoom, object{"input": input}), "createRoom.room.id")
}

func (d *deployment) admitEverybody(roomID string) {
	d.t.Helper()
	d.asHost(`mutation($id: ID!) { admitAllEntries(input: {roomId: $id}) { entries { id } } }`, object{"id": roomID})
}

// waiting are the names of the waiting guests, in order.
func (d *deployment) waiting(roomID string) []string {
	d.t.Helper()
	data := d.asHost(`query($id: ID) { room(id: $id) { lobby { entries { displayName } } } }`, object{"id": roomID})
	return listedNames(data["room"].(object))
}

// waiter is a guest who waits on a WebSocket through nginx.
type waiter struct {
	request
	*socket

	name    string
	replica int // the replica of the socket
}

// fill lets guests come until enough of them wait at each replica.
func (d *deployment) fill(roomID string, each int) (guests []*waiter) {
	d.t.Helper()
	before := d.sockets()
	for i := 0; slices.Min(before) < each; i++ {
		require.Less(d.t, i, 40*each, "nginx spreads them over all replicas: %v", before)
		d.came++
		name := fmt.Sprintf("Guest %d", d.came)
		g := &waiter{request: d.knock(roomID, name), name: name}
		g.socket = d.watch(g.ticket)
		after := d.sockets()
		for at := range after {
			if after[at] > before[at] {
				g.replica = at
			}
		}
		before = after
		guests = append(guests, g)
	}
	return guests
}

func (d *deployment) watch(ticket string) *socket {
	d.t.Helper()
	k := d.subscribe("", watchEntry, object{"ticket": ticket})
	k.until("entry.status", "WAITING")
	return k
}

// sockets are the numbers of sockets of the replicas.
func (d *deployment) sockets() (open []int) {
	d.t.Helper()
	for _, replica := range d.replicas {
		open = append(open, int(replica.metrics().value("foyer_graphql_sockets")))
	}
	return open
}

func names(guests []*waiter) (names []string) {
	for _, g := range guests {
		names = append(names, g.name)
	}
	return names
}
