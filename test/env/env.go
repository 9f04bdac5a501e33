// Package env gives tests real services: a PostgreSQL database of their own, Redis keys of
// their own, a Redis server of their own to kill, a LiveKit server that runs, and a bucket of their own.
//
// `make test` starts the services and tells the tests where they are in the environment, and so
// does `go run ./test/env/up -- go test ./...`. Without them a test fails and says so: nothing is
// skipped.
package env

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Where the services are: test/env/up sets these for the command it runs, and tests read them.
const (
	// EnvPostgres is the URL of a superuser on the database postgres.
	EnvPostgres = "FOYER_TEST_POSTGRES_URL"
	// EnvRedis is the URL of a single Redis server.
	EnvRedis = "FOYER_TEST_REDIS_URL"
	// EnvRedisCluster is the host:port of every node of a Redis Cluster, with commas between them.
	EnvRedisCluster = "FOYER_TEST_REDIS_CLUSTER"
	// EnvLiveKitFile is the LiveKit server's program.
	EnvLiveKitFile = "FOYER_TEST_LIVEKIT_FILE"
	// EnvLiveKitURL is the LiveKit server's ws:// URL.
	EnvLiveKitURL = "FOYER_TEST_LIVEKIT_URL"
	// EnvLiveKitKey is an API key of that server.
	EnvLiveKitKey = "FOYER_TEST_LIVEKIT_KEY"
	// EnvLiveKitSecret is the secret of that key.
	EnvLiveKitSecret = "FOYER_TEST_LIVEKIT_SECRET"
	// EnvMinIOFile is MinIO's program.
	EnvMinIOFile = "FOYER_TEST_MINIO_FILE"
	// EnvS3URL is the URL of a MinIO, which speaks S3.
	EnvS3URL = "FOYER_TEST_S3_URL"
	// EnvS3Key is the access key of somebody who may do everything there.
	EnvS3Key = "FOYER_TEST_S3_KEY"
	// EnvS3Secret is the secret of that key.
	EnvS3Secret = "FOYER_TEST_S3_SECRET"
)

// hint ends every message about a service that is not there.
const hint = "`make test` starts what tests need, and so does" +
	" `go run ./test/env/up -- go test ./...`"

// patience is how long a service that runs may take for one answer, on a busy machine.
const patience = 30 * time.Second

// setting returns an environment variable that test/env/up sets, or fails the test.
func setting(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: %s", name, hint)
	}
	return value
}

// answered fails the test unless err is nil: the service's place is known, but is it there?
func answered(t testing.TB, service string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s does not answer: %v: %s", service, err, hint)
	}
}

// ownName is a name that no other test has, fit for a database and for a Redis key.
func ownName() string {
	return "t_" + strings.ReplaceAll(uuid.NewString(), "-", "")
}
