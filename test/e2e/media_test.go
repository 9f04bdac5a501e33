package e2e

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/user"
	"foyer/test/env"
)

const (
	mediaSecret = "what-nginx-of-the-tests-shows-to-foyer"
	nginxFile   = "../../deploy/nginx.conf"
)

func TestOwnerDownloadsARecordingThroughNginx(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	film := make([]byte, 3<<20+7)
	rand.Read(film)
	a.bucket.Put(t, "recordings/"+rec.ID.String()+".mp4", string(film))

	got := a.fetch(http.MethodGet, a.host, file(rec))
	require.Equal(t, http.StatusOK, got.status, a.nginx.Log(t))
	assert.True(t, bytes.Equal(film, []byte(got.body)), "every byte")
	slug := text(a.must(a.host, `query($id: ID) { room(id: $id) { slug } }`, object{"id": a.roomID}), "room.slug")
	for name, want := range map[string]string{
		"Content-Length":               strconv.Itoa(len(film)),
		"Content-Disposition":          `attachment; filename="` + slug + `-2026-11-02-0930.mp4"`,
		"Content-Security-Policy":      "default-src 'none'; sandbox",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Content-Type-Options":       "nosniff",
		"Cache-Control":                "private, no-store",
		"Accept-Ranges":                "bytes",
	} {
		assert.Equal(t, []string{want}, got.header[name], name)
	}
	for name := range got.header {
		assert.NotContains(t, strings.ToLower(name), "amz", "of the storage nothing is told")
		assert.NotContains(t, strings.ToLower(name), "minio")
		assert.NotContains(t, name, "X-Media")
	}
	assert.Equal(t, "nginx", got.header.Get("Server"))

	head := a.fetch(http.MethodHead, a.host, file(rec))
	assert.Equal(t, http.StatusOK, head.status)
	assert.Equal(t, strconv.Itoa(len(film)), head.header.Get("Content-Length"))
	assert.Empty(t, head.body)

	for asked, want := range map[string][]byte{
		"bytes=0-99": film[:100], "bytes=1000000-1999999": film[1000000:2000000],
		"bytes=-50": film[len(film)-50:], "bytes=3145000-": film[3145000:],
	} {
		part := a.fetch(http.MethodGet, a.host, file(rec), "Range", asked)
		assert.Equal(t, http.StatusPartialContent, part.status, asked)
		assert.True(t, bytes.Equal(want, []byte(part.body)), asked)
	}
	part := a.fetch(http.MethodGet, a.host, file(rec), "Range", "bytes=10-19", "If-Range", got.header.Get("Etag"))
	assert.Equal(t, http.StatusPartialContent, part.status)
	beyond := a.fetch(http.MethodGet, a.host, file(rec), "Range", "bytes=99999999-")
	assert.Equal(t, http.StatusRequestedRangeNotSatisfiable, beyond.status)
	assert.NotContains(t, beyond.body, a.bucket.Name)
}

const recordingURLs = `query($id: ID!) { recording(id: $id) { url downloadUrl } }`

func TestRecordingSaysWhereItsFileIs(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), "FOYER_RECORDING_DOWNLOAD_URLS=true", "FOYER_PUBLIC_URL=http://127.0.0.1:1")
	rec := a.saved(nil)
	data := a.must(a.host, recordingURLs, object{"id": rec.ID})
	assert.Equal(t, "http://127.0.0.1:1"+file(rec), text(data, "recording.url"))
	direct := text(data, "recording.downloadUrl")
	assert.True(t, strings.HasPrefix(direct, a.bucket.Endpoint+"/"+a.bucket.Name+"/recordings/"), direct)
	assert.Contains(t, direct, "X-Amz-Expires=300&")
	got := fetch(t, http.MethodGet, direct)
	assert.Equal(t, recorded(rec), got.body, "without any credential")
	assert.Contains(t, got.header.Get("Content-Disposition"), "-2026-11-02-0930.mp4")
	other := strings.Replace(direct, rec.ID.String(), a.saved(nil).ID.String(), 1)
	assert.Equal(t, http.StatusForbidden, fetch(t, http.MethodGet, other).status)
	assert.Equal(t, "NOT_FOUND", a.ask(a.stranger, recordingURLs, object{"id": rec.ID}).code())

	for _, change := range []func(*ent.RecordingCreate){
		func(c *ent.RecordingCreate) { c.SetExpiresAt(time.Now().Add(-time.Second)) },
		func(c *ent.RecordingCreate) { c.SetStatus(recording.StatusFAILED) },
	} {
		data := a.must(a.host, recordingURLs, object{"id": a.saved(change).ID})
		assert.Equal(t, object{"url": nil, "downloadUrl": nil}, data["recording"])
	}
}

func TestServerGivesNoURLsIfTheSettingSaysSo(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), "FOYER_MEDIA_SECRET=")
	data := a.must(a.host, recordingURLs, object{"id": a.saved(nil).ID})
	assert.Equal(t, object{"url": nil, "downloadUrl": nil}, data["recording"])
}

func TestBrowserDownloadsWithItsCookie(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	b := newBrowser(t)
	b.open(a.nginx.URL()+"/login").choose("Olga Owner", "olga.owner@example.org")
	b.open(a.nginx.URL() + file(rec))
	assert.Equal(t, http.StatusOK, b.status)
	assert.Equal(t, recorded(rec), b.text)
	b.submit(a.nginx.URL()+"/logout", nil)
	b.open(a.nginx.URL() + file(rec))
	assert.Equal(t, http.StatusUnauthorized, b.status, "at once")
}

func TestRevokedSessionDownloadsNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	other := a.login("Olga Owner")
	require.Equal(t, http.StatusOK, a.fetch(http.MethodGet, other, file(rec)).status)
	a.must(a.host, `mutation { revokeOtherSessions { sessions { id } } }`, nil)
	got := a.fetch(http.MethodGet, other, file(rec))
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.NotContains(t, got.body, recorded(rec))
}

func TestOnlyPermittedPeopleDownloadARecording(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	member, admin, friend := a.login("Mia Member"), a.login("Adam Admin"), a.login("Fay Friend")
	for role, token := range map[string]string{"MEMBER": member, "ADMINISTRATOR": admin} {
		a.must(a.host,
			`mutation($input: GrantRoomAccessInput!) { grantRoomAccess(input: $input) { roomAccess { id } } }`,
			object{"input": object{"roomId": a.roomID, "role": role, "userId": a.userID(token)}})
	}
	rec := a.saved(nil)
	a.db.RecordingAccess.Create().SetRecordingID(rec.ID).SetUserID(uuid.MustParse(a.userID(friend))).ExecX(t.Context())

	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for name, want := range map[string]struct {
			token  string
			status int
		}{
			"owner": {a.host, 200}, "administrator": {admin, 200}, "shared with": {friend, 200},
			"member": {member, 403}, "stranger": {a.stranger, 403}, "guest": {"", 401},
			"refused token": {"nonsense", 401},
		} {
			got := a.fetch(method, want.token, file(rec))
			assert.Equal(t, want.status, got.status, "%s %s", method, name)
			assert.Equal(t, want.status == 200 && method == "GET", got.body == recorded(rec), name)
		}
	}
	a.db.RecordingAccess.Delete().ExecX(t.Context())
	assert.Equal(t, http.StatusForbidden, a.fetch(http.MethodGet, friend, file(rec)).status, "no longer shared")
	missing := a.fetch(http.MethodGet, a.stranger, "/media/recordings/"+testID()+".mp4")
	assert.Equal(t, a.fetch(http.MethodGet, a.stranger, file(rec)).body, missing.body, "they look alike")
	assert.Equal(t, http.StatusForbidden, missing.status)
}

func TestApplicationDownloadsNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	portal := newClient(t, a.environ, "rooms:list,rooms:retrieve")
	_, body, _ := a.askForToken(portal.id, portal.secret, grant("user", "olga.owner@example.org"))
	token := body["access_token"].(string)
	require.Equal(t, a.userID(a.host),
		a.db.User.Query().Where(user.Email("olga.owner@example.org")).OnlyIDX(t.Context()).String())
	assert.Equal(t, http.StatusForbidden, a.fetch(http.MethodGet, token, file(rec)).status)
}

func TestOnlySavedRecordingsAreServedUntilTheyExpire(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	status := func(rec *ent.Recording) int { return a.fetch(http.MethodGet, a.host, file(rec)).status }
	for _, unsaved := range []recording.Status{
		recording.StatusINITIATED, recording.StatusACTIVE, recording.StatusSTOPPING,
		recording.StatusFAILED, recording.StatusABORTED,
	} {
		rec := a.saved(func(c *ent.RecordingCreate) { c.SetStatus(unsaved) })
		assert.Equal(t, http.StatusForbidden, status(rec), unsaved)
		rec.Update().SetStatus(recording.StatusSAVED).SetEndedAt(time.Now()).ExecX(t.Context())
		assert.Equal(t, http.StatusOK, status(rec), unsaved)
	}
	later := a.saved(func(c *ent.RecordingCreate) { c.SetExpiresAt(time.Now().Add(time.Hour)) })
	assert.Equal(t, http.StatusOK, status(later))
	expired := a.saved(func(c *ent.RecordingCreate) { c.SetExpiresAt(time.Now().Add(-time.Second)) })
	assert.Equal(t, http.StatusForbidden, status(expired))

	audio := a.saved(func(c *ent.RecordingCreate) { c.SetMode(recording.ModeAUDIO) })
	assert.Equal(t, http.StatusForbidden, status(audio), "an mp4 of it is in the bucket, but is not its file")
	ogg := strings.Replace(file(audio), ".mp4", ".ogg", 1)
	assert.Equal(t, http.StatusOK, a.fetch(http.MethodGet, a.host, ogg).status)

	a.must(a.host, `mutation($id: ID!) { deleteRoom(input: {roomId: $id}) { room { id } } }`, object{"id": a.roomID})
	assert.Equal(t, http.StatusForbidden, status(later), "the room has been deleted")
}

func TestMissingFileIsNotAnInternalError(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	a.bucket.Remove(t, "recordings/"+rec.ID.String()+".mp4")
	got := a.fetch(http.MethodGet, a.host, file(rec))
	assert.Equal(t, http.StatusNotFound, got.status)
	assert.NotContains(t, got.body, a.bucket.Name)
}

func TestStorageOutageIsAnErrorUntilItEnds(t *testing.T) {
	t.Parallel()
	storage := env.StartMinIO(t, "", "")
	a := newArchive(t, storage.Bucket(t))
	rec := a.saved(nil)
	storage.Stop()
	got := a.fetch(http.MethodGet, a.host, file(rec))
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.NotContains(t, got.body, a.bucket.Name)
	assert.Equal(t, http.StatusForbidden, a.fetch(http.MethodGet, a.stranger, file(rec)).status)
	storage.Start(t)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, recorded(rec), a.fetch(http.MethodGet, a.host, file(rec)).body)
	})
}

func TestNoFileIsServedWhileRightsAreUnknown(t *testing.T) {
	t.Parallel()
	redis := env.StartRedis(t)
	a := newArchive(t, env.Bucket(t), "REDIS_URL="+redis.URL())
	rec := a.saved(nil)
	require.Equal(t, http.StatusOK, a.fetch(http.MethodGet, a.host, file(rec)).status)

	_, err := a.db.Pool.ExecContext(t.Context(), `ALTER TABLE recordings RENAME TO elsewhere`)
	require.NoError(t, err)
	got := a.fetch(http.MethodGet, a.host, file(rec))
	assert.Equal(t, http.StatusServiceUnavailable, got.status, "the database fails")
	assert.NotContains(t, got.body, recorded(rec))
	_, err = a.db.Pool.ExecContext(t.Context(), `ALTER TABLE elsewhere RENAME TO recordings`)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.fetch(http.MethodGet, a.host, file(rec)).status)

	redis.Stop(t)
	got = a.fetch(http.MethodGet, a.host, file(rec))
	assert.Equal(t, http.StatusServiceUnavailable, got.status, "sessions cannot be read")
	assert.NotContains(t, got.body, recorded(rec))

	a.kill()
	got = a.fetch(http.MethodGet, a.host, file(rec))
	assert.Equal(t, http.StatusServiceUnavailable, got.status, "Foyer is away")
}

func TestNothingSecretOfAFileIsLogged(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), "FOYER_LOG_LEVEL=debug")
	rec := a.saved(nil)
	a.fetch(http.MethodGet, a.host, file(rec))
	a.fetch(http.MethodGet, a.stranger, file(rec))
	a.fetch(http.MethodGet, "nonsense", file(rec))
	require.NoError(t, a.stop())
	for _, log := range []string{a.log(), a.nginx.Log(t)} {
		for _, secret := range []string{mediaSecret, a.bucket.Secret, a.host, "AWS4-HMAC", "Signature"} {
			assert.NotContains(t, log, secret)
		}
	}
}
