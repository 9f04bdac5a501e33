package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/test/env"
)

const storageSecret = "what-the-storage-shows-when-it-tells-us"

// tell posts a storage's event, with a value of the Authorization header (empty for none).
func (s *server) tell(authorization, body string) reply {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+"/webhooks/storage", strings.NewReader(body))
	require.NoError(s.t, err)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	return do(s.t, request)
}

// created is a storage's event of new objects, with encoded keys.
func created(bucket string, keys ...string) string {
	return events("s3:ObjectCreated:Put", bucket, keys...)
}

func events(name, bucket string, keys ...string) string {
	records := make([]string, len(keys))
	for i, key := range keys {
		records[i] = fmt.Sprintf(`{"eventVersion": "2.0", "eventName": %q, "s3": {"s3SchemaVersion": "1.0",
			"bucket": {"name": %q}, "object": {"key": %q, "size": 4711, "eTag": "x"}}}`, name, bucket, key)
	}
	return `{"EventName": "` + name + `", "Records": [` + strings.Join(records, ",") + `]}`
}

// withEgress is an environment with a LiveKit that has an egress worker but no egress.
func withEgress(t testing.TB) []string {
	t.Helper()
	livekit, _ := env.StartEgress(t, "", nil)
	return []string{
		"LIVEKIT_URL=" + livekit.URL(), "LIVEKIT_API_KEY=" + livekit.Key(),
		"LIVEKIT_API_SECRET=" + livekit.Secret(),
		"FOYER_RECORDING_INTERVAL=1h", "FOYER_STORAGE_WEBHOOK_SECRET=" + storageSecret,
	}
}

// stopping makes a new recording wait for the end of its egress, which LiveKit has forgotten.
func stopping(create *ent.RecordingCreate) {
	create.SetStatus(recording.StatusSTOPPING).SetEgressID("EG_" + testID())
}

func (a *archive) now(rec *ent.Recording) *ent.Recording {
	return a.db.Recording.GetX(a.t.Context(), rec.ID)
}

func key(rec *ent.Recording) string { return "recordings%2F" + rec.ID.String() + ".mp4" }

func TestStorageReportsARecording(t *testing.T) {
	t.Parallel()
	port := env.FreePort(t)
	storage := env.StartMinIO(t,
		fmt.Sprintf("http://127.0.0.1:%d/webhooks/storage", port), storageSecret)
	bucket := storage.Bucket(t)
	a := newArchive(t, bucket, append(withEgress(t), fmt.Sprintf("FOYER_ADDR=127.0.0.1:%d", port))...)
	rec := a.saved(stopping)
	require.Equal(t, recording.StatusSTOPPING, a.now(rec).Status)
	bucket.Notify(t)
	bucket.Put(t, "recordings/"+rec.ID.String()+".mp4", recorded(rec))
	require.Eventually(t, func() bool { return a.now(rec).Status == recording.StatusSAVED },
		env.Soon, 20*time.Millisecond, "%s", a.log())
	assert.EqualValues(t, len(recorded(rec)), *a.now(rec).Size)
	assert.Equal(t, recorded(rec), a.fetch(http.MethodGet, a.host, file(rec)).body)
}

func TestEveryRecordOfAnEventIsProcessed(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), withEgress(t)...)
	one, two, other := a.saved(stopping), a.saved(nil), a.saved(nil)
	three := a.savedIn(a.room(a.host, object{}), stopping)
	bearer := "Bearer " + storageSecret
	body := created(a.bucket.Name, key(one), "recordings%2Fnonsense", "%zz", key(two), key(three))
	for range 3 {
		got := a.tell(bearer, body)
		require.Equal(t, http.StatusOK, got.status, got.body)
		for _, rec := range []*ent.Recording{one, two, three} {
			assert.Equal(t, recording.StatusSAVED, a.now(rec).Status)
			assert.EqualValues(t, 4711, *a.now(rec).Size)
		}
	}
	assert.Nil(t, a.now(other).Size)
	// The scheme is case-insensitive, a key may have raw slashes, and AWS's names have no s3: prefix.
	raw := events("ObjectCreated:CompleteMultipartUpload", a.bucket.Name, "recordings/"+other.ID.String()+".mp4")
	assert.Equal(t, http.StatusOK, a.tell("bearer   "+storageSecret, raw).status)
	assert.EqualValues(t, 4711, *a.now(other).Size)
}

func TestEventsOfOthersChangeNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), withEgress(t)...)
	rec := a.saved(stopping)
	id, name := rec.ID.String(), a.bucket.Name
	for _, body := range []string{
		events("s3:ObjectRemoved:Delete", name, key(rec)), events("s3:ObjectAccessed:Get", name, key(rec)),
		events("", name, key(rec)), events("s3:ObjectCreated", name, key(rec)),
		events("xs3:ObjectCreated:Put", name, key(rec)),
		created("another", key(rec)), created("", key(rec)),
		created(name, "recordings%252F"+id+".mp4"), created(name, "x%2Frecordings%2F"+id+".mp4"),
		created(name, key(rec)+"x"), created(name, "recordings%2F"+id+".ogg"),
		created(name, "recordings%2F"+strings.ToUpper(id)+".mp4"), created(name, "recordings%2F"+testID()+".mp4"),
		`{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "` + name + `"}`,
		`{"Records": [{}]}`, `{"Records": [null]}`,
	} {
		assert.Equal(t, http.StatusOK, a.tell("Bearer "+storageSecret, body).status, body)
	}
	assert.Equal(t, recording.StatusSTOPPING, a.now(rec).Status)
	assert.Nil(t, a.now(rec).Size)
}

func TestStorageEventRequiresTheSecretAndAValidBody(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), withEgress(t)...)
	rec := a.saved(stopping)
	body := created(a.bucket.Name, key(rec))
	for _, authorization := range []string{
		"", storageSecret, "Basic " + storageSecret, "Bearer", "Bearer ", "Bearer x" + storageSecret,
		"Bearer " + storageSecret[1:], "Bearer " + strings.ToUpper(storageSecret), "Bearer " + a.host,
	} {
		assert.Equal(t, http.StatusUnauthorized, a.tell(authorization, body).status, authorization)
	}
	for _, garbage := range []string{
		"", "x", "[]", "{}", "null", `{"Records": []}`, `{"Records": {}}`, `{"Records": "x"}`, `{"Records": [1]}`,
		body + "x", body[:len(body)-1], `{"Records": [{"s3": {"object": {"size": "many"}}}]}`, "\x00",
	} {
		assert.Equal(t, http.StatusBadRequest, a.tell("Bearer "+storageSecret, garbage).status, garbage)
	}
	large := a.tell("Bearer "+storageSecret, `{"x": "`+strings.Repeat("x", 2<<20)+`"}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, large.status)
	assert.Equal(t, recording.StatusSTOPPING, a.now(rec).Status)

	off := startServer(t, a.bucket.Environ()...)
	assert.Equal(t, http.StatusNotFound, off.tell("Bearer "+storageSecret, body).status, "no secret, no hook")
	assert.Equal(t, http.StatusNotFound, off.tell("Bearer ", body).status)
}

func TestStorageIsAskedToRetryAfterAPassingFault(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t),
		append(withEgress(t), "LIVEKIT_URL=ws://127.0.0.1:9")...)
	rec, saved := a.saved(stopping), a.saved(nil)
	got := a.tell("Bearer "+storageSecret, created(a.bucket.Name, key(rec), key(saved)))
	assert.Equal(t, http.StatusServiceUnavailable, got.status, "LiveKit is away")
	assert.Equal(t, recording.StatusSTOPPING, a.now(rec).Status)
	assert.EqualValues(t, 4711, *a.now(saved).Size, "one does not keep another")
}
