"""Play: the person is the discriminator. Real or made?"""

from deepwright.verbs.play.game import Game, Round, wilson
from deepwright.verbs.play.hall import Hall
from deepwright.verbs.play.record import play_report

__all__ = ["Game", "Hall", "Round", "play_report", "wilson"]
