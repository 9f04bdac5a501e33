// Package env gives tests real services: a PostgreSQL database, Redis keys and a bucket of their own, a shared
// LiveKit server, and servers of their own to kill. World is the set-up that tests of the rules share.
//
// `make test` starts the services and passes their addresses in the environment. So does
// `go run ./test/env/up -- go test ./...`. A test fails, and says why, when a service is missing: no test is skipped.
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
	// EnvS3Key is the access key of an account with all rights there.
	EnvS3Key = "FOYER_TEST_S3_KEY"
	// EnvS3Secret is the secret of that key.
	EnvS3Secret = "FOYER_TEST_S3_SECRET"
)

// hint ends every message about a missing service.
const hint = "`make test` starts what tests need, and so does" +
	" `go run ./test/env/up -- go test ./...`"

// patience is how long a running service may take for one answer on a busy machine.
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

// answered fails the test if err is not nil: the service has an address, but does not answer there.
func answered(t testing.TB, service string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s does not answer: %v: %s", service, err, hint)
	}
}

// ownName returns a name that no other test has. It is valid for a database and for a Redis key.
func ownName() string {
	return "t_" + strings.ReplaceAll(uuid.NewString(), "-", "")
}
