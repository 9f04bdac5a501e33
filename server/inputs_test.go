package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
)

// sent is a request, and what is to come of it.
type sent struct {
	method, path string
	header       http.Header
	body         string
	// statuses that are right.
	statuses []int
}

// inputsServer is a server in this process, whose allocations can be counted, and the token of somebody signed in.
func inputsServer(t *testing.T) (h http.Handler, token string) {
	t.Helper()
	a := openApp(t, "127.0.0.1:8080", "FOYER_TRANSCRIPT_WEBHOOK_SECRET="+inputsSecret, "FOYER_MUTATIONS_PER_USER=0")
	user, err := a.accounts.SignIn(t.Context(), auth.Identity{Subject: "ada", Email: "ada@example.org", EmailVerified: true})
	require.NoError(t, err)
	token, err = a.sessions.Start(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil), user.ID, "")
	require.NoError(t, err)
	return a.routes(), token
}

// inputsSecret is the secret of the server's webhooks.
const inputsSecret = "a-secret-of-more-than-thirty-two-characters"

// mostAllocated is how many bytes a server may allocate for one request, whatever that has in it.
const mostAllocated = 16 << 20

// TestWhatClientsSendIsDecodedWithinBounds sends each decoder much of what it reads, deep and broken. Not parallel, so
// that nobody else allocates meanwhile.
func TestWhatClientsSendIsDecodedWithinBounds(t *testing.T) {
	h, token := inputsServer(t)
	ask := func(query string, variables any) string {
		text, err := json.Marshal(object{"query": query, "variables": variables})
		require.NoError(t, err)
		return string(text)
	}
	type headers = map[string]string
	post := func(path, body string, more headers, statuses ...int) sent {
		header := http.Header{"Content-Type": {"application/json"}}
		for name, value := range more {
			header.Set(name, value)
		}
		return sent{http.MethodPost, path, header, body, statuses}
	}
	get := func(path string, more headers, statuses ...int) sent {
		s := post(path, "", more, statuses...)
		s.method = http.MethodGet
		return s
	}
	x := func(of string, n int) string { return strings.Repeat(of, n) }
	form := headers{"Content-Type": "application/x-www-form-urlencoded"}
	signedIn := headers{"Authorization": "Bearer " + token}
	secret := headers{"Authorization": "Bearer " + inputsSecret}
	room := object{"roomId": uuid.NewString()}
	with := func(name string, value any) object {
		input := object{"roomId": room["roomId"]}
		input[name] = value
		return object{"input": input}
	}
	const viewer = `{"query":"{viewer{id}}"`
	const grants = `mutation($input:GrantRoomAccessInput!){grantRoomAccess(input:$input){roomAccess{id}}}`
	const invites = `mutation($input:InviteToRoomInput!){inviteToRoom(input:$input){invited}}`
	const prefers = `mutation($input:UpdateViewerInput!){updateViewer(input:$input){viewer{id}}}`
	const tells = `mutation($input:SetLobbyMessageInput!){setLobbyMessage(input:$input){lobby{version}}}`
	const cancels = `mutation($t:String!){cancelEntry(input:{ticket:$t}){entry{id}}}`
	const knocks = `mutation($input:RequestEntryInput!){requestEntry(input:$input){ticket}}`
	for name, r := range map[string]sent{
		"JSON, lists":           post("/graphql", viewer+`,"variables":{"a":`+x("[", 60_000), nil, 400),
		"JSON, objects":         post("/graphql", viewer+`,"extensions":{"a":[`+x("{},", 40_000)+`1]}}`, nil, 400),
		"JSON, a huge body":     post("/graphql", x(" ", 8<<20), nil, 413),
		"JSON, a number":        post("/graphql", viewer+`,"variables":{"a":`+x("9", 120_000)+`}}`, nil, 200),
		"a query in the URL":    get("/graphql?query={viewer{id}}&variables="+x("[", 60_000), nil, 400),
		"parameters in the URL": get("/graphql?"+x("a=b&", 15_000), nil, 400),
		"a cursor":              post("/graphql", ask(`query($c:Cursor){`+aliased(15, `rooms(after:$c){totalCount}`)+`}`, object{"c": nesting(28_000)}), nil, 200),
		"an id":                 post("/graphql", ask(`query($i:ID!){node(id:$i){id}}`, object{"i": x("a", 120_000)}), nil, 200),
		"a slug":                post("/graphql", ask(`query($s:String){`+aliased(15, `room(slug:$s){id}`)+`}`, object{"s": x("\u0301", 60_000)}), nil, 200),
		"a link":                post("/graphql", ask(`query($s:String){`+aliased(15, `room(slug:$s){id}`)+`}`, object{"s": "https://" + x("%2f", 30_000)}), nil, 200),
		"a ticket":              post("/graphql", ask(cancels, object{"t": x("A", 120_000)}), nil, 200),
		"a name":                post("/graphql", ask(knocks, with("displayName", x("é", 60_000))), nil, 200),
		"an e-mail address":     post("/graphql", ask(grants, object{"input": object{"roomId": uuid.NewString(), "role": "MEMBER", "email": x("(", 110_000)}}), signedIn, 200),
		"addresses":             post("/graphql", ask(invites, with("emails", strings.Split(x("(((((@,", 1900), ","))), signedIn, 200),
		"a language":            post("/graphql", ask(prefers, object{"input": object{"language": x("a-", 50_000)}}), signedIn, 200),
		"a time zone":           post("/graphql", ask(prefers, object{"input": object{"timeZone": "E" + x("/..", 30_000)}}), signedIn, 200),
		"a message":             post("/graphql", ask(tells, with("message", x("\n", 50_000))), signedIn, 200),
		"a bearer token":        post("/graphql", viewer+"}", headers{"Authorization": "Bearer " + x("a.", 30_000)}, 401),
		"an application's token": post("/graphql", viewer+"}",
			headers{"Authorization": "Bearer foyer_token_" + jwtOf(x("[", 45_000))}, 401),
		"Basic":                post("/graphql", viewer+"}", headers{"Authorization": "Basic " + x("Og", 30_000)}, 401),
		"cookies":              post("/graphql", viewer+"}", headers{"Cookie": "foyer_session=" + x("A", 10_000) + x("; a=b", 5000)}, 200),
		"Accept":               post("/graphql", viewer+"}", headers{"Accept": x("a/b;q=0.1,", 6000)}, 406),
		"Content-Type":         post("/graphql", viewer+"}", headers{"Content-Type": "application/json" + x(";a=b", 15_000)}, 200, 415),
		"X-Forwarded-For":      post("/graphql", viewer+"}", headers{"X-Forwarded-For": x("1.1.1.1,", 7000)}, 200),
		"a form":               post("/oauth/token", x("a=b&", 2000), form, 400),
		"a huge form":          post("/oauth/token", x("a=b&", 1<<20), form, 400),
		"a form's user":        post("/oauth/token", "grant_type=client_credentials&client_id=x&user="+x("(", 8000), form, 401),
		"credentials":          post("/oauth/token", "grant_type=client_credentials", headers{"Content-Type": form["Content-Type"], "Authorization": "Basic " + x("JTI1", 15_000)}, 401),
		"an event of LiveKit":  post("/webhooks/livekit", x("{", 4<<20), headers{"Authorization": jwtOf(x("[", 40_000))}, 401, 413),
		"a storage's event":    post("/webhooks/storage", x("[", 4<<20), secret, 404, 401),
		"a transcript":         post("/webhooks/transcript", x("[", 4<<20), secret, 413),
		"a transcript, deep":   post("/webhooks/transcript", x("[", 4000), secret, 400),
		"a sign-in by script":  post("/dev/login", x("[", 1<<20), nil, 400),
		"a place to return to": get("/login?returnTo="+x("/", 50_000), nil, 303, 503, 400),
		"a sign-in's state":    get("/callback?state="+x("A", 60_000), nil, 400),
		"a sign-in's cookies":  get("/callback?state=AAAA", headers{"Cookie": x("foyer_flow_AAAA="+x("A", 1000)+"; ", 50)}, 400),
		"a request's id":       post("/graphql", viewer+"}", headers{"X-Request-Id": x("a", 60_000)}, 200),
		"an address of media":  get("/media/auth", headers{"X-Original-URL": "/" + x("%2f", 20_000)}, 401, 403),
	} {
		request := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
		request.Header, request.Host = r.header, "127.0.0.1:8080"
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h.ServeHTTP(w, request)
		runtime.ReadMemStats(&after)
		text := w.Body.String()
		assert.Contains(t, r.statuses, w.Code, "%s: %.300s", name, text)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(mostAllocated), name)
		assert.NotContains(t, text, "INTERNAL", name)
		assert.Less(t, len(text), 16<<10, name)
		if w.Code == http.StatusOK && !strings.Contains(text, `"viewer":`) {
			assert.Contains(t, text, `"errors"`, name)
		}
	}
}

// aliased selects a field so often, under another name each time.
func aliased(n int, field string) string {
	text := &strings.Builder{}
	for i := range n {
		fmt.Fprintf(text, "a%d:%s ", i, field)
	}
	return text.String()
}

// jwtOf returns what looks like a signed token, with a text as its header and as its claims.
func jwtOf(text string) string {
	part := base64.RawStdEncoding.EncodeToString([]byte(text))
	return part[:len(part)/2] + "." + part[len(part)/2:] + ".AAAA"
}

// nesting returns a cursor of arrays in each other, in MessagePack, which some libraries write cursors in. Each array
// has a header of three bytes that says it has 10,000 elements, for which a decoder may make room: 160 kB.
func nesting(depth int) string {
	return base64.RawStdEncoding.EncodeToString([]byte("\x81\xa1v" + strings.Repeat("\xdc\x27\x10", depth)))
}
