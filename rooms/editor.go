package rooms

// Editor is a Service that also makes the changes which the people in a running meeting feel: of a room, of its
// lock, of roles and of bans. It stores them, and nothing more. Package meetings alone makes an Editor, and carries
// each change to the lobby and to LiveKit: everybody else asks there.
type Editor struct{ *Service }

// NewEditor returns an Editor of a Service's rooms.
func NewEditor(s *Service) *Editor { return &Editor{s} }
