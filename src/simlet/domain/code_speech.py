"""Words that tell what is said of a number, by language.

Each table is of the role of its name (see `code_roles`), but for the one whose words have none.
"""

LINK = """
vi  là | là số | như sau | dưới đây
en  is | are | as | below | being | reads | equals | it is | it's
de  ist | lautet | lauten | als
fr  est | comme
es  es | como
pt  é | e
id  adalah | ialah | ini adalah
pl  jest
sv  är
da  er
nl  luidt
ru  это | является
uk  це
zh  是 | 为 | 為
ja  は | が | です
ko  는 | 은
ar  هو | هي
fa  است
hi  है
th  คือ
km  គឺ
"""

OWNER = """
vi  của bạn | của quý khách | của quý vị | của qk | của anh | của chị | của em | của anh/chị
vi  của mình | cua kh | của khách hàng | bạn | quý khách | qk
en  your | for you | the | a | an
de  ihr | ihre | dein | deine
fr  votre | ton | le
es  tu | su | el
pt  seu | sua
it  il tuo | tuo
id  anda | kamu | kakak
ru  ваш | вашего | твой
zh  您的 | 你的 | 本次 | 的
ja  あなたの | お客様の | の
ko  귀하의
hi  आपका | आपके | आपकी
ar  الخاص بك
th  ของคุณ | ของท่าน
km  របស់អ្នក
"""

FOR = """
vi  cho | của | tới | để
en  for | to | from | of | on
es  para
fr  pour
de  für
id  untuk
ru  для
"""

ACT = """
en  enter the number | enter number | enter code number | enter | use | using | input | type
en  insert | type in | key in | submit | with
vi  nhập | nhập số | nhập dãy số | nhập đúng | dùng | sử dụng | gõ | điền | hãy nhập | hãy dùng
de  nutzen | nutzen sie | verwenden | verwenden sie | geben sie | nutze | verwende | benutze
fr  utilisez | saisissez | entrez | tapez
es  ingresa | ingrese | usa | utiliza | utilice | introduce | introduzca | escribe
pt  digite | insira | informe | utilize
it  inserisci | utilizza
id  masukkan | gunakan
tr  girin | giriniz | kullanın
pl  wpisz | użyj | podaj
ru  введите | используйте | укажите
zh  输入 | 請輸入 | 请输入 | 输入验证码 | 填写
ja  入力 | を入力
ko  입력 | 를 입력 | 을 입력
hi  दर्ज करें
ar  أدخل | استخدم
th  กรอก | ใช้
"""

PURPOSE = """
vi  xác thực | xác minh | xác nhận | kích hoạt | đăng nhập | đăng ký | hoàn tất
vi  đặt lại mật khẩu | tiếp tục
en  verify | confirm | activate | login | log in | log into | sign in | sign up | signing in
en  logging in | authenticate | registration | register | reset | complete | continue
en  approve | authorize | authorise | proceed
de  anmelden | bestätigen | einloggen | verifizieren | anmeldung
fr  connecter | confirmer | vérifier | valider
es  verificar | confirmar | iniciar sesión | acceder | entrar
pt  acessar
it  verificare | confermare | accedere
id  verifikasi | masuk | konfirmasi
tr  doğrulamak | giriş | onaylamak
pl  potwierdzić | zalogować | potwierdź
ru  подтверд | вход | войти | регистрац
zh  登录 | 登入 | 验证 | 注册 | 確認
ja  ログイン | 認証 | 登録
ko  로그인 | 인증 | 가입
hi  लॉगिन | सत्यापित
ar  تسجيل الدخول | تأكيد | للتحقق
th  ยืนยัน | เข้าสู่ระบบ
"""

SHARE = """
vi  chia sẻ | cung cấp | tiết lộ | đưa cho | đọc cho | cảnh giác | lừa đảo | cảnh báo | mạo danh
vi  giả mạo | bảo mật thông tin | không yêu cầu | hỏi
vi  đã được gửi | đã gửi | sẽ được gửi | sẽ gửi | vừa được gửi | vừa gửi
en  share | sharing | give | disclose | reveal | forward | never ask | ask | asks | scam | fraud
en  scammers | beware | phishing | tell
en  was sent | has been sent | have sent | will be sent | will send | was requested
de  weitergeben | weiter | teilen | betrug
fr  partagez | communiquez | jamais
es  comparta | compartas | compartir | nunca | estafa
pt  compartilhe | golpe
it  condividere | condivida
id  berikan | bagikan | penipuan
tr  paylaşmayın | paylaşmayınız
pl  udostępniaj | nikomu
ru  сообщайте | никому | говорите | мошенник
zh  泄露 | 告诉 | 告知 | 透露 | 诈骗
ja  教えない | 共有
ko  노출 | 공유 | 타인
ar  تشارك | مشاركة
hi  साझा | शेयर
th  เปิดเผย | อย่าบอก
"""

THIS = """
vi  này | trên
en  this | these | the above | above
de  diesen | dieser
fr  ce
es  este
id  ini
ru  этот
zh  此 | 该
ja  この
"""

# Words that say a digit elsewhere, and none here.
NO_DIGIT = """
vi  một lần nữa | thêm một lần | một lần | một trong | một ai
en  one more time | one of | one moment | no one | any one
es  una vez más | una vez | una sola vez
pt  mais uma vez | uma vez mais | uma vez
fr  une fois
de  noch einmal
it  ancora una volta | una volta
id  satu kali | sekali lagi
tr  bir kez daha | bir daha | bir kez
pl  jeden raz
ru  еще раз | ещё раз | один раз
"""

PROMO = """
vi  quà tặng | tặng bạn | tặng ngay | được tặng | nhận quà | giảm | giảm giá | giảm ngay
vi  ưu đãi | khuyến mãi | khuyến mại | hoàn tiền | freeship | miễn phí vận chuyển | mua sắm
vi  đơn từ | sale off | siêu sale | flash sale
en  discount | off | sale | coupon | voucher | promo | promotion | cashback | free shipping
en  redeem | gift card | gift | redeem code
es  descuento | oferta | promoción
pt  desconto | promoção
fr  remise | réduction | offre | soldes
de  rabatt | gutschein
id  diskon | potongan | gratis ongkir
ru  скидка | скидку | акция
zh  优惠 | 折扣 | 立减 | 优惠券 | 满减
ja  クーポン | 割引
ko  할인 | 쿠폰
"""
