package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/ent/user"
	"foyer/test/env"
)

const (
	mediaSecret = "what-nginx-of-the-tests-shows-to-foyer"
	nginxFile   = "../../deploy/nginx.conf"
)

// archive is Foyer behind nginx, with a bucket of recordings and a room that has some.
type archive struct {
	*server
	nginx  *env.Nginx
	bucket env.S3Bucket
	db     *database.DB
	// environ are the settings of the server's stores.
	environ []string

	host, stranger string // their tokens
	roomID         string
}

// newArchive starts everything on a bucket, with more environment.
func newArchive(t testing.TB, bucket env.S3Bucket, environ ...string) *archive {
	t.Helper()
	a := &archive{bucket: bucket, environ: append(shared(t), environ...)}
	a.server = startServer(t, slices.Concat(a.environ, bucket.Environ(),
		[]string{"FOYER_MEDIA_SECRET=" + mediaSecret}, environ)...)
	certificate := secured(t, http.NotFoundHandler()).Certificate() // nginx needs a certificate, also for plain http
	a.nginx = startNginx(t, a.url, bucket.Endpoint, certificate)
	var err error
	a.db, err = database.Open(strings.TrimPrefix(a.environ[0], "DATABASE_URL="), 2)
	require.NoError(t, err)
	t.Cleanup(func() { a.db.Close() })
	a.host, a.stranger = a.login("Olga Owner"), a.login("Sam Stranger")
	a.roomID = a.room(a.host, object{"slug": "weekly-" + testID()[:8]})
	return a
}

// startNginx starts nginx with the shipped settings in front of Foyer and a storage with a certificate.
func startNginx(t testing.TB, foyer, storage string, ca *x509.Certificate) *env.Nginx {
	t.Helper()
	scheme, address, _ := strings.Cut(storage, "://")
	return startNginxWith(t, ca, map[string]string{
		"NGINX_LOCAL_RESOLVERS": "127.0.0.1", // no name server: the test uses no names
		"FOYER_ADDRESS":         strings.TrimPrefix(foyer, "http://"),
		"FOYER_MEDIA_SECRET":    mediaSecret,
		"S3_SCHEME":             scheme, "S3_ADDRESS": address,
	})
}

// startNginxWith puts an environment into the settings, as the nginx image does.
func startNginxWith(
	t testing.TB, ca *x509.Certificate, environment map[string]string,
) *env.Nginx {
	t.Helper()
	config, err := os.ReadFile(nginxFile)
	require.NoError(t, err)
	return env.StartNginx(t, func(port int, dir string) string {
		caFile := filepath.Join(dir, "ca.pem")
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
		require.NoError(t, os.WriteFile(caFile, block, 0o600))
		here := []string{"${NGINX_LISTEN}", "127.0.0.1:" + strconv.Itoa(port), "${S3_CA_FILE}", caFile}
		for name, value := range environment {
			here = append(here, "${"+name+"}", value)
		}
		return strings.NewReplacer(here...).Replace(string(config))
	})
}

// secured serves https as example.com, with a self-signed certificate.
func secured(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	return s
}

// saved stores a recording with its file, with a change of the test.
func (a *archive) saved(change func(*ent.RecordingCreate)) *ent.Recording {
	a.t.Helper()
	return a.savedIn(a.roomID, change)
}

// savedIn is saved in another room.
func (a *archive) savedIn(roomID string, change func(*ent.RecordingCreate)) *ent.Recording {
	a.t.Helper()
	create := a.db.Recording.Create().SetRoomID(uuid.MustParse(roomID)).SetStartedBy(uuid.New()).
		SetMode(recording.ModeSCREEN).SetStatus(recording.StatusSAVED).
		SetOptions(schema.RecordingOptions{}).
		SetStartedAt(time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC))
	if change != nil {
		change(create)
	}
	switch status, _ := create.Mutation().Status(); status {
	case recording.StatusSAVED, recording.StatusFAILED, recording.StatusABORTED:
		create.SetEndedAt(time.Now())
	}
	rec, err := create.Save(a.t.Context())
	require.NoError(a.t, err)
	for _, extension := range []string{".mp4", ".ogg"} {
		a.bucket.Put(a.t, "recordings/"+rec.ID.String()+extension, recorded(rec))
	}
	return rec
}

// recorded is the content of a recording's file.
func recorded(rec *ent.Recording) string { return "the recording " + rec.ID.String() }

func file(rec *ent.Recording) string { return "/media/recordings/" + rec.ID.String() + ".mp4" }

// reply is the answer to a request.
type reply struct {
	status int
	body   string
	header http.Header
}

// fetch requests a path from nginx, with a token if any. Headers are name, value, name, value.
func (a *archive) fetch(method, token, path string, headers ...string) reply {
	a.t.Helper()
	return fetch(a.t, method, a.nginx.URL()+path, append(bearer(token), headers...)...)
}

func bearer(token string) []string {
	if token == "" {
		return nil
	}
	return []string{"Authorization", "Bearer " + token}
}

func fetch(t testing.TB, method, url string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return do(t, request)
}

func do(t testing.TB, request *http.Request) reply {
	t.Helper()
	got, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return reply{got.StatusCode, string(body), got.Header}
}

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
		a.must(a.host, `mutation($input: GrantRoomAccessInput!) { grantRoomAccess(input: $input) { roomAccess { id } } }`,
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

func (s *server) userID(token string) string {
	s.t.Helper()
	return text(s.must(token, `{ viewer { id } }`, nil), "viewer.id")
}

func TestApplicationDownloadsNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	portal := newClient(t, a.environ, "rooms:list,rooms:retrieve")
	_, body, _ := a.askForToken(portal.id, portal.secret, grant("user", "olga.owner@example.org"))
	token := body["access_token"].(string)
	require.Equal(t, a.userID(a.host), a.db.User.Query().Where(user.Email("olga.owner@example.org")).OnlyIDX(t.Context()).String())
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

// strayPaths are paths that differ from a recording's own address.
func strayPaths(rec, other *ent.Recording, bucket string) []string {
	id := rec.ID.String()
	return []string{
		"/media/recordings/" + strings.ToUpper(id) + ".mp4",
		"/media/recordings/" + id,
		"/media/recordings/" + id + ".",
		"/media/recordings/" + id + ".ogg",
		"/media/recordings/" + id + ".MP4",
		"/media/recordings/" + id + ".mp4.mp4",
		"/media/recordings/" + id + ".mp4/",
		"/media/recordings/" + id + ".mp4/..%2F" + other.ID.String() + ".mp4",
		"/media/recordings/" + id + ".mp4?",
		"/media/recordings/" + id + ".mp4?response-content-type=text/html",
		"/media/recordings/" + id + ".mp4?X-Amz-Signature=0",
		"/media/recordings/" + id + ".mp4%3Fa=b",
		"/media/recordings/" + id + ".mp4%23",
		"/media/recordings/" + id + ".mp4%00",
		"/media/recordings/" + id + ".mp4%00.mp4",
		"/media/recordings/" + id + ".mp4%0a",
		"/media/recordings/" + id + ".mp4%20",
		"/media/recordings/%20" + id + ".mp4",
		"/media/recordings/" + id + "%2Emp4%2E",
		"/media/recordings/" + id + "%252Emp4",
		"/media/recordings%2F" + id + ".mp4",
		"/media%2Frecordings%2F" + id + ".mp4",
		"/media/recordings%5C" + id + ".mp4",
		"/media/recordings%252F" + id + ".mp4",
		"/media/%2572ecordings/" + id + ".mp4",
		"/media//recordings/" + id + ".mp4",
		"//media/recordings/" + id + ".mp4",
		"/media/recordings/./" + id + ".mp4",
		"/media/recordings/../recordings/" + id + ".mp4",
		"/media/recordings/%2e%2e/recordings/" + id + ".mp4",
		"/media/recordings/..%2Frecordings%2F" + id + ".mp4",
		"/x/../media/recordings/" + id + ".mp4",
		"/media/recordings/../" + bucket + "/recordings/" + id + ".mp4",
		"/media/" + bucket + "/recordings/" + id + ".mp4",
		"/media/another/recordings/" + id + ".mp4",
		"/media/recordings/../../another/recordings/" + id + ".mp4",
		"/media/recordings/" + strings.ReplaceAll(id, "-", "") + ".mp4",
		"/media/recordings/{" + id + "}.mp4",
		"/media/recordings/urn:uuid:" + id + ".mp4",
		"/media/recordings/" + uuid.Nil.String() + ".mp4",
		"/media/recordings/", "/media/recordings", "/media/", "/media/recordings/.mp4",
		"/media/recordings/" + strings.Repeat("a", 4000) + ".mp4",
		"/media/auth", "/media/auth/", "/media//auth", "/media/%61uth", "/media/recordings/../auth",
		"/media/auth?x=y", "//media/auth", "/x/../media/auth", "/media%2Fauth",
		"/" + bucket + "/recordings/" + id + ".mp4", "/recordings/" + id + ".mp4",
	}
}

func TestOnlyTheExactAddressOfARecordingGetsIt(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec, other := a.saved(nil), a.saved(nil)
	paths := strayPaths(rec, other, a.bucket.Name)
	for _, path := range paths {
		got := a.fetch(http.MethodGet, a.host, path)
		assert.Contains(t, []int{400, 401, 403, 404}, got.status, path)
		assert.NotContains(t, got.body, recorded(rec), path)
		assert.NotContains(t, got.body, recorded(other), path)
		assert.NotContains(t, got.body, a.bucket.Name, path)
		assert.Empty(t, got.header.Get("X-Amz-Date"), path)
	}
	// Each part is decoded once.
	encoded := strings.Replace(file(rec), "recordings", "%72ecordings", 1)
	assert.Equal(t, recorded(rec), a.fetch(http.MethodGet, a.host, encoded).body)
}

// TestMediaEndpointIsStrictByItself: Foyer also refuses what nginx would not pass on.
func TestMediaEndpointIsStrictByItself(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec, other := a.saved(nil), a.saved(nil)
	ask := func(token, original string, headers ...string) reply {
		headers = append(headers, "X-Original-URL", original, "X-Media-Secret", mediaSecret)
		return fetch(t, http.MethodGet, a.url+"/media/auth", append(headers, bearer(token)...)...)
	}
	for _, path := range strayPaths(rec, other, a.bucket.Name) {
		for _, origin := range []string{"", "https://meet.example.org"} {
			got := ask(a.host, origin+path)
			assert.Equal(t, http.StatusForbidden, got.status, path)
			assert.Empty(t, got.body)
			assert.Empty(t, got.header.Get("Authorization"))
		}
	}
	for _, original := range []string{"", " ", "*", "media/recordings/x.mp4", "mailto:" + file(rec), "%", "https://"} {
		assert.Equal(t, http.StatusForbidden, ask(a.host, original).status, original)
	}
	assert.Equal(t, http.StatusForbidden, ask(a.host, file(rec), "X-Original-URL", file(rec)).status, "twice")
	assert.Equal(t, http.StatusForbidden, ask(a.host, file(rec), "X-Media-Secret", mediaSecret).status, "twice")
	for _, method := range []string{"PUT", "DELETE", "POST", "get", "GET "} {
		got := ask(a.host, file(rec), "X-Original-Method", method)
		assert.Equal(t, method == "GET ", got.status == http.StatusOK, method) // a header's value is trimmed
	}
	for _, original := range []string{file(rec), "https://meet.example.org" + file(rec)} {
		got := ask(a.host, original)
		require.Equal(t, http.StatusOK, got.status, original)
		assert.Empty(t, got.body)
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
		assert.Equal(t, "/"+a.bucket.Name+"/recordings/"+rec.ID.String()+".mp4", got.header.Get("X-Media-Path"))
		assert.Contains(t, got.header.Get("Authorization"), "SignedHeaders=host;x-amz-content-sha256;x-amz-date")
	}
	got := ask("", file(rec))
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Empty(t, got.body)
}

func TestMediaEndpointSignsOnlyForNginx(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	for _, secret := range []string{"", "wrong", mediaSecret[1:], mediaSecret + "x", strings.ToUpper(mediaSecret)} {
		headers := append(bearer(a.host), "X-Original-URL", file(rec))
		if secret != "" {
			headers = append(headers, "X-Media-Secret", secret)
		}
		got := fetch(t, http.MethodGet, a.url+"/media/auth", headers...)
		assert.Equal(t, http.StatusForbidden, got.status, secret)
		assert.Empty(t, got.header.Get("Authorization"))
	}
	// Through nginx, the client's own headers about the request and the secret are ignored.
	stray := file(a.saved(func(c *ent.RecordingCreate) { c.SetStatus(recording.StatusFAILED) }))
	got := a.fetch(http.MethodGet, a.host, stray, "X-Original-URL", file(rec), "X-Original-Url", file(rec))
	assert.Equal(t, http.StatusForbidden, got.status)
	got = a.fetch(http.MethodGet, a.host, file(rec), "X-Original-URL", stray, "X-Original-Method", "DELETE",
		"X-Media-Secret", "wrong", "X-Media-Path", "/other", "X-Amz-Security-Token", "x", "Host", "other")
	assert.Equal(t, recorded(rec), got.body)
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions, "PROPFIND"} {
		got := a.fetch(method, a.host, file(rec))
		assert.Equal(t, http.StatusForbidden, got.status, method)
	}
	assert.True(t, a.bucket.Has(t, "recordings/"+rec.ID.String()+".mp4"))

	off := startServer(t, a.bucket.Environ()...)
	got = fetch(t, http.MethodGet, off.url+"/media/auth", "X-Original-URL", file(rec), "X-Media-Secret", "")
	assert.Equal(t, http.StatusForbidden, got.status, "without a secret of its own it signs for nobody")
}

func TestBucketRefusesRequestsWithoutCredentials(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	object := a.bucket.Endpoint + "/" + a.bucket.Name + "/recordings/" + rec.ID.String() + ".mp4"
	for _, url := range []string{object, a.bucket.Endpoint + "/" + a.bucket.Name + "/"} {
		for _, headers := range [][]string{nil, bearer(a.host)} {
			got := fetch(t, http.MethodGet, url, headers...)
			assert.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden}, got.status)
			assert.NotContains(t, got.body, recorded(rec))
		}
	}
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

func TestTemporaryCredentialsReachTheStorageThroughNginx(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t).Temporary(t))
	rec := a.saved(nil)
	assert.Equal(t, recorded(rec), a.fetch(http.MethodGet, a.host, file(rec)).body)
	assert.Equal(t, http.StatusOK, a.fetch(http.MethodHead, a.host, file(rec)).status)
	part := a.fetch(http.MethodGet, a.host, file(rec), "Range", "bytes=0-2")
	assert.Equal(t, "the", part.body)
}

func TestNginxChecksTheCertificateOfAnHTTPSStorage(t *testing.T) {
	t.Parallel()
	bucket := env.Bucket(t)
	plain, err := url.Parse(bucket.Endpoint)
	require.NoError(t, err)
	storage := secured(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(plain)
		r.Out.Host = r.In.Host // it is signed
	}})
	status := func(name string, ca *x509.Certificate) reply {
		a := newArchive(t, bucket, "S3_ENDPOINT=https://"+name)
		a.nginx = startNginx(t, a.url, storage.URL, ca)
		rec := a.saved(nil)
		got := a.fetch(http.MethodGet, a.host, file(rec))
		assert.Equal(t, got.status == http.StatusOK, got.body == recorded(rec))
		return got
	}
	assert.Equal(t, http.StatusOK, status("example.com:9443", storage.Certificate()).status)
	assert.Equal(t, http.StatusOK, status("example.com", storage.Certificate()).status)
	assert.Equal(t, http.StatusServiceUnavailable, status("another.example", storage.Certificate()).status)
}

func TestNginxPassesOnEverythingElse(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), "FOYER_TRUSTED_PROXIES=1")
	through := &server{t: t, url: a.nginx.URL()}
	meet(t, through, through)
	stream := through.stream(a.host, watchLobby, object{"roomId": a.roomID})
	line, err := stream.ReadString('\n')
	require.NoError(t, err)
	assert.NotEmpty(t, line, "as it comes")
	assert.Equal(t, http.StatusOK, through.get("/healthz"))
	got := fetch(t, http.MethodPost, a.nginx.URL()+"/graphql", "Content-Type", "application/json",
		"Origin", "https://elsewhere.example.org", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, got.status)
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

// TestClientsDoNotNameTheirRequestsThroughNginx: the request id in the log is the proxy's.
func TestClientsDoNotNameTheirRequestsThroughNginx(t *testing.T) {
	t.Parallel()
	foyer := startServer(t, append(shared(t), "FOYER_TRUSTED_PROXIES=1")...)
	certificate := secured(t, http.NotFoundHandler()).Certificate()
	nginx := startNginx(t, foyer.url, "http://127.0.0.1:1", certificate)
	got := fetch(t, http.MethodGet, nginx.URL()+"/healthz", "X-Request-Id", "another-persons")
	require.Equal(t, http.StatusOK, got.status, nginx.Log(t))
	assert.Regexp(t, `^[0-9a-f]{32}$`, got.header.Get("X-Request-Id"))
}
