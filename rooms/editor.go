package rooms

// Editor is a Service that also stores the changes that affect the people in a running meeting: changes of a room, its
// lock, its roles and its bans. Only package meetings makes an Editor, because it also carries each change to the lobby
// and to LiveKit. All other packages call meetings.
type Editor struct{ *Service }

// NewEditor returns an Editor of a Service's rooms.
func NewEditor(s *Service) *Editor { return &Editor{s} }
