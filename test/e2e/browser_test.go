package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// inBrowser runs a test of test/env/node/browser and handles the requests that it makes by name. Its pages may also
// access other origins. Such tests are not parallel: a browser with three people in a meeting needs the whole machine.
func inBrowser(t *testing.T, script, foyer, liveKit string, answers map[string]func(), others ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", append([]string{"browser/" + script, foyer, liveKit},
		others...)...)
	command.Dir = "../env/node"
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var complaints strings.Builder
	command.Stderr = &complaints
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start(), "the tests need Node: tools/setup.sh")
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var line struct{ Step, Ask string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		if line.Step != "" {
			t.Log(line.Step)
			continue
		}
		require.Contains(t, answers, line.Ask)
		answers[line.Ask]()
		_, err := io.WriteString(input, "done\n")
		require.NoError(t, err)
	}
	assert.NoError(t, command.Wait(), "%s (pictures are in test/env/node/screenshots)", &complaints)
}

// TestGraphiQLIsAWorkbenchForEveryFlow: examples, their variables and a subscription work there.
func TestGraphiQLIsAWorkbenchForEveryFlow(t *testing.T) {
	s := startServer(t)
	liveKit, _, _ := env.LiveKit(t)
	inBrowser(t, "graphiql.mjs", s.url, liveKit, nil)
}

// TestMeetingIsHeldInBrowsers: create, knock, admit, deny, see each other, mute, remove with a ban. The server accepts
// only trusted documents, which include those of the page.
func TestMeetingIsHeldInBrowsers(t *testing.T) {
	others := filepath.Join(t.TempDir(), "documents.json")
	const document = "{ viewer { id } }"
	manifest := fmt.Sprintf(`{"%x": %q}`, sha256.Sum256([]byte(document)), document)
	require.NoError(t, os.WriteFile(others, []byte(manifest), 0o600))
	s, liveKit := startServerWithLiveKit(t, "FOYER_DENIED_FOR=20s", "FOYER_TRUSTED_DOCUMENTS="+others)
	assert.Equal(t, "INVALID", s.ask("", "{ viewer { fullName } }", nil).code(), "anything else is refused")
	inBrowser(t, "meeting.mjs", s.url, liveKit.URL(), nil)
}

// TestGuestInABrowserKeepsThePlaceAndMissesNoDecision, whatever happens to the page and the server.
func TestGuestInABrowserKeepsThePlaceAndMissesNoDecision(t *testing.T) {
	environ := append(shared(t), "FOYER_LOBBY_POSITION=true", "FOYER_LOBBY_GRACE=2m")
	s, liveKit := startServerWithLiveKit(t, environ...)
	environ = append(environ, "LIVEKIT_URL="+liveKit.URL(),
		"LIVEKIT_API_KEY="+liveKit.Key(), "LIVEKIT_API_SECRET="+liveKit.Secret())
	start := func() { s = startServer(t, append(environ, "FOYER_ADDR="+strings.TrimPrefix(s.url, "http://"))...) }
	inBrowser(t, "waiting.mjs", s.url, liveKit.URL(), map[string]func(){
		"stop": func() { s.kill() }, "start": start,
		"start and admit": func() {
			desk := startServer(t, environ...)
			desk.admitAll(desk.login("Ada")) // the same address is the same person
			start()
		},
	})
}

// admitAll admits everybody who waits for the only room of a host.
func (s *server) admitAll(host string) {
	s.t.Helper()
	rooms := s.must(host, `{ rooms { edges { node { id } } } }`, nil)
	edges := at(rooms, "rooms.edges").([]any)
	require.Len(s.t, edges, 1)
	roomID := text(edges[0], "node.id")
	s.must(host, `mutation($input: AdmitAllEntriesInput!) { admitAllEntries(input: $input) { entries { id } } }`,
		object{"input": object{"roomId": roomID}})
}

// TestMeetingIsHeldByKeyboardAlone: the test clicks nothing, and the focused element shows its focus.
func TestMeetingIsHeldByKeyboardAlone(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "keyboard.mjs", s.url, liveKit.URL(), nil)
}

// TestMeetingIsHeldOnAPhone: 360 pixels wide, in French, dark and light.
func TestMeetingIsHeldOnAPhone(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "phone.mjs", s.url, liveKit.URL(), nil)
}

// TestMeetingIsHeldInOldAndRestrictedBrowsers: the test deletes APIs that the oldest supported browsers lack, blocks
// site data, and breaks parts. Where no meeting is possible, the page says so.
func TestMeetingIsHeldInOldAndRestrictedBrowsers(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "older.mjs", s.url, liveKit.URL(), nil)
}

// TestPageBlamesNoHostWhoDidNothing: people are removed by a host, by LiveKit, and by Foyer after Redis lost their
// passes.
func TestPageBlamesNoHostWhoDidNothing(t *testing.T) {
	store := env.StartRedis(t)
	s, liveKit := startServerWithLiveKit(t, "REDIS_URL="+store.URL(),
		"FOYER_MEETING_GRACE=1ms") // so that no admission comes back from the audit
	api := lksdk.NewRoomServiceClient(liveKit.URL(), liveKit.Key(), liveKit.Secret())
	// grace waits until LiveKit lists Grace with another connection than before.
	grace := func(before string) (room string, p *livekitproto.ParticipantInfo) {
		env.Eventually(t, func(c *assert.CollectT) {
			rooms, err := api.ListRooms(t.Context(), &livekitproto.ListRoomsRequest{})
			require.NoError(c, err)
			require.Len(c, rooms.GetRooms(), 1)
			room = rooms.GetRooms()[0].GetName()
			people, err := api.ListParticipants(t.Context(), &livekitproto.ListParticipantsRequest{Room: room})
			require.NoError(c, err)
			i := slices.IndexFunc(people.GetParticipants(), func(p *livekitproto.ParticipantInfo) bool {
				return p.GetName() == "Grace" && p.GetState() == livekitproto.ParticipantInfo_ACTIVE &&
					p.GetSid() != before
			})
			require.GreaterOrEqual(c, i, 0)
			p = people.GetParticipants()[i]
		})
		return room, p
	}
	remove := func() (connection string) {
		room, p := grace("")
		_, err := api.RemoveParticipant(t.Context(),
			&livekitproto.RoomParticipantIdentity{Room: room, Identity: p.GetIdentity()})
		require.NoError(t, err)
		return p.GetSid()
	}
	inBrowser(t, "removed.mjs", s.url, liveKit.URL(), map[string]func(){
		"remove Grace, and see Grace come back": func() { grace(remove()) },
		"forget everything and remove Grace": func() {
			require.NoError(t, store.Client(t).FlushAll(t.Context()).Err()) // a Redis of the test's own
			remove()
		},
	})
}

// TestNoMessageBreaksTheChat: invalid messages, messages that are too long, and two thousand messages.
func TestNoMessageBreaksTheChat(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "rude.mjs", s.url, liveKit.URL(), nil)
}

// TestHostLearnsThatTheyWereSignedOutDuringTheMeeting that they no longer see who waits.
func TestHostLearnsThatTheyWereSignedOutDuringTheMeeting(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "signedout.mjs", s.url, liveKit.URL(), nil)
}

// TestFaultsAreShownWhereTheyHappen: in the dialog, or at the bottom of the screen until the same action works.
func TestFaultsAreShownWhereTheyHappen(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "faults.mjs", s.url, liveKit.URL(), nil)
}

// TestPastedLinksAddressesAndWordsAreAccepted into the page.
func TestPastedLinksAddressesAndWordsAreAccepted(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "links.mjs", s.url, liveKit.URL(), nil)
}

// TestMeetingIsRecordedInBrowsers behind nginx: everybody sees the notice, and the host finds the file.
func TestMeetingIsRecordedInBrowsers(t *testing.T) {
	foyer := fmt.Sprintf("http://127.0.0.1:%d", env.FreePort(t))
	files := env.Bucket(t)
	liveKit, _ := env.StartEgress(t, foyer+"/webhooks/livekit", &files)
	certificate := secured(t, http.NotFoundHandler()).Certificate()
	nginx := startNginx(t, foyer, files.Endpoint, certificate)
	startServer(t, append(append(shared(t), files.Environ()...),
		"FOYER_ADDR="+strings.TrimPrefix(foyer, "http://"), "FOYER_PUBLIC_URL="+nginx.URL(),
		"FOYER_MEDIA_SECRET="+mediaSecret, "FOYER_RECORDING_NOTICE=You are being recorded.",
		"LIVEKIT_URL="+liveKit.URL(), "LIVEKIT_API_KEY="+liveKit.Key(), "LIVEKIT_API_SECRET="+liveKit.Secret(),
	)...)
	// The provider of development mode is not behind nginx.
	inBrowser(t, "recording.mjs", nginx.URL(), liveKit.URL(), nil, foyer)
}

// TestServerWithoutStorageOffersNoRecordings, neither in the meeting nor outside it.
func TestServerWithoutStorageOffersNoRecordings(t *testing.T) {
	s, liveKit := startServerWithLiveKit(t)
	inBrowser(t, "unrecorded.mjs", s.url, liveKit.URL(), nil)
}
