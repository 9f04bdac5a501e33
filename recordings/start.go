package recordings

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/text/language"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// maxLanguage is how long a BCP 47 tag may be.
const maxLanguage = 35

// startTries is how often a start looks again that finds a recording in its way which then ends.
const startTries = 3

// StartInput says what to record.
type StartInput struct {
	RoomID  uuid.UUID
	Mode    recording.Mode
	Options *Options
}

// Options are what else is wanted of a recording.
type Options struct {
	Transcribe *bool
	// Language that is spoken, a BCP 47 tag.
	Language *string
}

func (o *Options) check() (schema.RecordingOptions, error) {
	var checked schema.RecordingOptions
	if o == nil {
		return checked, nil
	}
	checked.Transcribe = o.Transcribe != nil && *o.Transcribe
	if o.Language == nil {
		return checked, nil
	}
	bad := fault.Field("language", "language is not a BCP 47 tag, such as fr or pt-BR")
	if len(*o.Language) > maxLanguage {
		return checked, bad
	}
	tag, err := language.Parse(*o.Language)
	if err != nil || tag == language.Und || len(tag.String()) > maxLanguage {
		return checked, bad
	}
	checked.Language = tag.String()
	return checked, nil
}

// Start records the call of a room, for a host. Conflict, with the detail "recordingId", when a
// recording of the room is unfinished, and when nobody is in the call. Unavailable where nothing is
// recorded, and when LiveKit is away: whether it has begun all the same is seen in its status, which
// is found out within Settings.StartTimeout. RateLimited after too many.
func (s *Service) Start(ctx context.Context, in StartInput) (*ent.Recording, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.RecordMeetings); err != nil {
		return nil, err
	}
	if s.bucket == nil {
		return nil, errOff()
	}
	options, err := in.Options.check()
	if err != nil {
		return nil, err
	}
	if err := s.allowStart(ctx); err != nil {
		return nil, err
	}
	rec, err := s.begin(ctx, in, options)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // what has begun is finished, also when the client hangs up
	s.record(ctx, rec, rooms.Act{Action: auditevent.ActionSTART_RECORDING})
	s.touch(ctx, rec.RoomID)
	if err := s.launch(ctx, rec); err != nil {
		return nil, err
	}
	return s.Get(ctx, rec.ID)
}

// allowStart counts one more recording that the viewer asks for: also one that fails is kept, and told of
// by e-mail and webhooks.
func (s *Service) allowStart(ctx context.Context) error {
	return s.limiter.Allow(ctx, "too many recordings were asked for; try again later",
		ratelimit.PerHour("record:user", auth.FromContext(ctx).UserID.String(), s.settings.StartsPerUser))
}

func errOff() error { return fault.New(fault.Unavailable, "this server records nothing") }

// begin makes the row of a new recording, unless the room has one that is unfinished.
func (s *Service) begin(
	ctx context.Context, in StartInput, options schema.RecordingOptions,
) (*ent.Recording, error) {
	for try := 1; ; try++ {
		rec, err := s.db.Recording.Create().SetRoomID(in.RoomID).SetMode(in.Mode).SetOptions(options).
			SetStartedBy(auth.FromContext(ctx).UserID).Save(ctx)
		if !ent.IsConstraintError(err) {
			return rec, err
		}
		if _, err := s.rooms.ByID(ctx, in.RoomID); err != nil {
			return nil, err
		}
		switch other, errOther := s.unfinished(ctx, in.RoomID); {
		case errOther == nil:
			return nil, fault.From(err, fault.Conflict, "this room is being recorded already").
				With("recordingId", other.ID)
		case !ent.IsNotFound(errOther) || try == startTries:
			return nil, fmt.Errorf("find the other recording: %w", errOther)
		}
	}
}

// unfinished returns the unfinished recording of a room; ent's error for not found when there is none.
func (s *Service) unfinished(ctx context.Context, roomID uuid.UUID) (*ent.Recording, error) {
	return s.db.Recording.Query().Where(recording.RoomID(roomID), isUnfinished()).Only(ctx)
}

// launch has LiveKit begin a recording that is a row so far.
func (s *Service) launch(ctx context.Context, rec *ent.Recording) error {
	egress, err := s.rtc.StartEgress(ctx, livekit.EgressRequest{
		Room: rec.RoomID.String(), File: Key(rec), AudioOnly: rec.Mode == recording.ModeAUDIO,
		Layout: s.settings.Layout, S3: s.settings.RequestS3,
	})
	if livekit.MayHaveHappened(err) {
		known, errList := s.egressOf(ctx, rec)
		if errList == nil && known != nil {
			egress, err = known, nil
		}
	}
	switch {
	case err == nil:
		return s.launched(ctx, rec, egress)
	case livekit.MayHaveHappened(err): // the comparison with LiveKit will tell
		s.Wake()
	default:
		s.tryFinish(ctx, rec, recording.StatusFAILED, fault.Of(err).Message)
	}
	f := fault.Of(err)
	return fault.From(err, f.Kind, "%s", f.Message).With("recordingId", rec.ID)
}

// launched carries on with a recording whose egress is known. It is stopped if that has been asked
// for meanwhile, also by the end of the room itself.
func (s *Service) launched(ctx context.Context, rec *ent.Recording, egress *livekit.Egress) error {
	if err := s.follow(ctx, rec, egress); err != nil {
		warn(ctx, "a recording follows its egress a little later", err, "recording", rec.ID)
		s.Wake()
		return nil // it has begun
	}
	now, err := s.db.Recording.Get(ctx, rec.ID)
	switch {
	case ent.IsNotFound(err):
		err = fault.New(fault.NotFound, "the room has been deleted")
	case err != nil:
		return fmt.Errorf("find the recording that was started: %w", err)
	case now.Status == recording.StatusINITIATED || now.Status == recording.StatusACTIVE:
		return nil
	}
	if !egress.Ended() {
		if errStop := s.halt(ctx, egress.ID); errStop != nil {
			s.Wake()
			warn(ctx, "a recording that is not wanted any more ends later", errStop, "recording", rec.ID)
		}
	}
	return err
}

// halt asks an egress to end, whose recording then is what it is.
func (s *Service) halt(ctx context.Context, egressID string) error {
	e, err := s.rtc.StopEgress(ctx, egressID)
	if err != nil {
		return err
	}
	return s.Hear(ctx, e)
}

// egressOf finds the egress of a recording in LiveKit's list of its room; nil when it has none.
func (s *Service) egressOf(ctx context.Context, rec *ent.Recording) (*livekit.Egress, error) {
	list, err := s.rtc.Egresses(ctx, rec.RoomID.String())
	if err != nil {
		return nil, err
	}
	return among(list, rec), nil
}

// among returns the egress of a recording; nil when it is not there.
func among(list []*livekit.Egress, rec *ent.Recording) *livekit.Egress {
	for _, e := range list {
		if rec.EgressID != nil && *rec.EgressID == e.ID || rec.EgressID == nil && isFileOf(e, rec) {
			return e
		}
	}
	return nil
}

func isFileOf(e *livekit.Egress, rec *ent.Recording) bool {
	return e.Room == rec.RoomID.String() && e.File == Key(rec)
}
